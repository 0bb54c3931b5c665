"""What a replay found, as plain values: how good what people were shown was, label by label and round by round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from labelwheel.backend.replay.identity import Identity

SPANS = (100, 300)
"""Labels over which acceptance is told, beside all of them."""

REACHED = 0.9


class Point(NamedTuple):
    """The score of what is served after so many labels, on so many examples that nothing was trained on."""

    labels: int
    score: float
    examples: int


@dataclass(frozen=True)
class RoundOutcome:
    """A round that ended. `before` and `after` are the shares that what was served and what it proposed answer right.

    Of `examples` that were labelled later, or never; None where there are too few.
    """

    version: str
    recipe: str
    labels: int
    state: str
    reason: str
    before: float | None
    after: float | None
    examples: int

    @property
    def worse(self) -> bool:
        """Whether people would have been shown worse suggestions with it."""
        return self.before is not None and self.after is not None and self.after < self.before


@dataclass
class Outcome:
    """Of one policy. `accepted` tells for each label in turn whether it was what was suggested just before."""

    policy: str
    metric: str
    accepted: list[bool] = field(default_factory=list)
    curve: list[Point] = field(default_factory=list)
    rounds: list[RoundOutcome] = field(default_factory=list)
    identity: list[Identity] = field(default_factory=list)
    cpu_seconds: float = 0.0

    def add(self, point: Point) -> None:
        """One more point of the curve; what is served after as many labels as before takes that one's place."""
        if self.curve and self.curve[-1].labels == point.labels:
            self.curve.pop()
        self.curve.append(point)

    def share(self, first: int | None = None) -> float | None:
        """The accepted share of the first labels, or of all; None where there are not so many."""
        if not self.accepted or (first is not None and len(self.accepted) < first):
            return None
        counted = self.accepted[:first]
        return sum(counted) / len(counted)

    @property
    def final(self) -> float | None:
        """The last score of the curve."""
        return self.curve[-1].score if self.curve else None

    def needed(self, score: float | None) -> int | None:
        """After how many labels the curve stays at a score or above it; None where it never does."""
        found = None
        for point in reversed(self.curve):
            if score is None or point.score < score:
                break
            found = point.labels
        return found

    def counts(self) -> dict[str, int]:
        """Rounds that ended, and what became of them and of what they proposed."""
        trained = [each for each in self.rounds if each.recipe != "names"]
        promoted = [each for each in trained if each.state == "promoted"]
        rejected = [each for each in trained if each.state == "rejected"]
        return {
            "rounds": len(trained),
            "promoted": len(promoted),
            "bad swaps": sum(each.worse for each in promoted),
            "bad swaps stopped": sum(each.worse for each in rejected),
        }


def body(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """All of it for programs; what is saved is counted against the first."""
    target = _target(outcomes)
    return [
        {
            **asdict(one),
            "curve": [point._asdict() for point in one.curve],
            "identity": [each._asdict() for each in one.identity],
            "counts": {name.replace(" ", "_"): value for name, value in one.counts().items()},
            "labels": len(one.accepted),
            "accepted_share": {str(first or "all"): one.share(first) for first in (*SPANS, None)},
            "final": one.final,
            "needed": one.needed(target),
            "labels_saved": saved(outcomes, one),
        }
        for one in outcomes
    ]


def _target(outcomes: Sequence[Outcome]) -> float | None:
    final = outcomes[0].final if outcomes else None
    return None if final is None else REACHED * final


def needed(outcomes: Sequence[Outcome], one: Outcome) -> int | None:
    """After how many labels a policy stays above nine tenths of the first policy's last score."""
    return one.needed(_target(outcomes))


def saved(outcomes: Sequence[Outcome], one: Outcome) -> int | None:
    """How many labels fewer that takes than with the first policy; None where one of the two never gets there."""
    mine, first = needed(outcomes, one), needed(outcomes, outcomes[0])
    return None if mine is None or first is None else first - mine

"""What a strategy achieved on examples that it has not learnt from, and the rule that chooses among strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from labelwheel.training.evaluation.findings import Epoch, Trial
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies import calibration
from labelwheel.training.strategies.lessons import Lesson
from labelwheel.training.strategies.problem import Problem


@dataclass(frozen=True)
class Outcome:
    """One strategy, measured on `indices`; `logits` are standardised, by encoding number, or empty where it has none.

    `answers` are its predictions for `indices`, in order, where they are more than what is decoded from the logits.
    """

    name: str
    problem: Problem
    indices: Sequence[int]
    logits: Mapping[int, np.ndarray]
    seconds: float = 0.0
    detail: str = ""
    curve: Sequence[Epoch] = field(default=())
    settled: Mapping[str, float] | None = None  # its calibration, where that needs no examples
    lessons: Sequence[Lesson] = field(default=())  # what each part's model says of `Materials.asked`
    answers: Sequence[Prediction] | None = None

    @cached_property
    def calibration(self) -> dict[str, float]:
        """What would go into its checkpoint's manifest."""
        if self.settled is not None:
            return dict(self.settled)
        return calibration.fit(self.problem, self.indices, self.logits)

    @cached_property
    def predictions(self) -> list[Prediction]:
        """One for each of `indices`, as they are shown."""
        return [self.problem.kind.shown(one, self.problem.hide_below) for one in self.whole]

    @cached_property
    def whole(self) -> Sequence[Prediction]:
        """The same before any is hidden."""
        if self.answers is not None:
            return self.answers
        return self.problem.decode(self.indices, self.logits, self.calibration)

    @cached_property
    def scores(self) -> dict[int, Score]:
        """By example number."""
        problem = self.problem
        return {
            index: problem.kind.score(problem.question, problem.rows[index].example, problem.rows[index].answer, one)
            for index, one in zip(self.indices, self.predictions, strict=True)
        }

    @cached_property
    def surprise(self) -> dict[int, float]:
        """The calibrated log loss (of numbers: the squared error) by example number; empty without logits."""
        if not self.indices or not self.logits:
            return {}
        values, targets, owners = self.problem.stack(self.indices, self.logits)
        losses = self.problem.objective.losses(values / self.calibration.get(TEMPERATURE, 1.0), targets)
        places = {index: place for place, index in enumerate(self.indices)}
        numbers = np.asarray([places[int(owner)] for owner in owners])
        count = len(places)
        sums = np.bincount(numbers, weights=losses, minlength=count)
        return dict(zip(self.indices, sums / np.maximum(np.bincount(numbers, minlength=count), 1), strict=True))

    @property
    def trial(self) -> Trial:
        """For the report."""
        score = self.problem.kind.headline(list(self.scores.values())) if self.indices else None
        return Trial(name=self.name, score=score, seconds=round(self.seconds, 1), detail=self.detail)


@dataclass(frozen=True)
class Choice:
    """Who won, and why in one sentence."""

    outcome: Outcome
    reason: str


def choose(
    outcomes: Sequence[Outcome],
    fresh_only: frozenset[str] = frozenset(),
    least: int = 12,
    among: Set[int] | None = None,
) -> Choice:
    """The best of some strategies, given from the cheapest to the dearest.

    A dearer one has to be better by more than one standard error of the paired difference, in what people see (the
    loss of the answers), or at least as good there and more than one in the log loss. Those named in `fresh_only` are
    compared on examples that are newer than the champion, as they start from what it has learnt. `among` says which
    examples count at all.
    """
    best, reasons = outcomes[0], list[str]()
    for other in outcomes[1:]:
        both = set(best.indices) & set(other.indices)
        shared = sorted(both if among is None else both & among)
        if {best.name, other.name} & fresh_only:
            shared = [index for index in shared if best.problem.rows[index].fresh]
        if len(shared) < least:
            reasons.append(f"{other.name} could be compared on {len(shared)} example(s) only, so {best.name} stays")
            continue
        seen, seen_error = _difference([(best.scores[i].loss, other.scores[i].loss) for i in shared])
        figures, fine, fine_error = f"mean loss {seen:+.3f} ± {seen_error:.3f}", 0.0, 0.0
        if best.surprise and other.surprise:
            fine, fine_error = _difference([(best.surprise[i], other.surprise[i]) for i in shared])
            figures += f" and log loss {fine:+.3f} ± {fine_error:.3f}"
        figures += f" on {len(shared)} examples"
        if seen < -max(seen_error, 1e-9) or (seen <= 1e-9 and fine < -max(fine_error, 1e-9)):
            reasons.append(f"{other.name} beats {best.name}: {figures}")
            best = other
        else:
            reasons.append(f"{other.name} does not beat the cheaper {best.name} by a standard error: {figures}")
    return Choice(best, "; ".join(reasons) or "it is the only candidate")


def _difference(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The mean of second minus first, and its standard error."""
    differences = np.array([second - first for first, second in pairs])
    return float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(len(differences)))

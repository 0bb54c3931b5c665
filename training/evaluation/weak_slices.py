"""Where the model is worse than elsewhere: slices that are known, and clusters of texts that nobody has named.

Candidates are the slices that every example has (its length, who labelled it and when), and clusters
in several sizes: of the base model's features, which tell what texts are about, and of their words, which tell how they
are written. They are all fixed before a loss is looked at, so that no half of the examples has to be kept apart to test
on: the permutation test (`family_wise`) asks of all candidates together what chance alone would bring.

The losses are the checkpoint's on what is held out. Up to a thousand of these, those of the regression on the frozen
encoder are added, on training labels and out of fold: the checkpoint has learnt these, and says nothing about itself
there. It is another model, so each is compared with its own kind alone, and a slice is weak where both together say so:
what makes a part of the texts hard, its style or its labels, is hard for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from labelwheel.training.evaluation import clusters, family_wise, intervals, neighbours, out_of_fold, slices
from labelwheel.training.evaluation.markdown import cell, code, number, table, words
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.kinds.base import Score
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import calibration

ENOUGH = 1_000
"""With so many independent held-out examples the checkpoint's own losses are enough."""

SMALL = 10
"""Of fewer independent examples nobody can tell where to look."""

MOST = 10
KEYS = 3
_SAME = 0.5


@dataclass(frozen=True)
class Losses:
    """Examples with what a model that has not learnt from them made of each; so many of them by cross-validation."""

    rows: Sequence[LabelledExample]
    scores: Sequence[Score]
    cross_validated: int = 0

    @property
    def groups(self) -> list[str]:
        return [row.group for row in self.rows]

    @cached_property
    def values(self) -> np.ndarray:
        return np.array([score.loss for score in self.scores])


@dataclass(frozen=True)
class Candidate:
    """`members` is true for each example that is in it; a cluster has no `slice`."""

    slice: str | None
    value: str
    members: np.ndarray


class WeakSlices:
    """The section."""

    name = "slices"

    def look(self, subject: Subject) -> dict[str, Any]:
        """`weak` has what is worse than the rest beyond chance, surest first; `candidates` counts what was tested."""
        if len({row.group for row in subject.rows}) < 2 * SMALL:
            return {}
        return search(subject, measure(subject))

    def render(self, found: Mapping[str, Any]) -> str:
        """A table of the weak ones, with typical words and examples to open."""
        on = f"{found['examples']:,} examples"
        if found["by_cross_validation"]:
            on += (
                f", {found['by_cross_validation']:,} of them training labels, answered by a regression that has not "
                "learnt from them"
            )
        opening = f"Of {found['candidates']} slices and clusters of texts that are alike, on {on}"
        if not found["weak"]:
            return f"## Where it is weak\n\n{opening}, none is worse than the rest by more than chance brings."
        cells = [
            (
                f"**{cell(row['slice'])}**: {cell(row['value'])}" if row["slice"] else "texts that are alike",
                ", ".join(map(cell, row["words"])), f"{row['examples']:,}", number(row["score"]),
                f"{number(row['low'])} to {number(row['high'])}", number(row["rest"]),
                ", ".join(map(code, row["keys"])),
            )
            for row in found["weak"]
        ]  # fmt: skip
        header = ("slice", "typical words", "examples", words(found["metric"]), "95 % interval", "elsewhere", "such as")
        shown = len(header) if any(row["keys"] for row in found["weak"]) else -1
        closing = (
            "Corrected for how many were looked at: where nothing is weak, one report in twenty names something. The "
            "weakest are found by being weak here, so that on other texts they may do somewhat better."
        )
        listed = table(header[:shown], [row[:shown] for row in cells])
        return "\n\n".join(["## Where it is weak", f"{opening}, these are worse:", listed, closing])


def measure(subject: Subject) -> Losses:
    """What is held out, and training labels beside it where that is not enough."""
    held = Losses(subject.measured, subject.scores)
    if len(set(held.groups)) >= ENOUGH:
        return held
    problem = subject.problem
    said = out_of_fold.logits(subject.frozen, subject.seed)
    train = [place for place, row in enumerate(problem.rows) if row.part is Part.TRAIN] if said else []
    if not train:
        return held
    predictions = problem.predict(train, said, calibration.fit(problem, list(range(len(problem))), said))
    rows = [problem.rows[place] for place in train]
    return Losses([*held.rows, *rows], [*held.scores, *subject.scored(rows, predictions)], len(rows))


def search(subject: Subject, losses: Losses) -> dict[str, Any]:
    """What `look` answers, of losses that are known."""
    if len(set(losses.groups)) < 2 * SMALL:
        return {}
    candidates = [*_known(subject, losses), *_clusters(subject, losses)]
    strata = [row.part.value for row in losses.rows]
    members = np.stack([each.members for each in candidates]) if candidates else np.zeros((0, 0))
    verdicts = family_wise.worse(losses.values, members, losses.groups, seed=subject.seed, strata=strata)
    chosen: list[int] = []
    for place in np.lexsort((-verdicts.deviations, verdicts.p_values)).tolist():
        if verdicts.p_values[place] > family_wise.LEVEL or len(chosen) == MOST:
            break
        if not any(_overlap(candidates[place].members, candidates[other].members) > _SAME for other in chosen):
            chosen.append(place)
    vocabulary = clusters.Vocabulary([subject.question.text(row.example) for row in losses.rows])
    return {
        "metric": subject.kind.metric,
        "examples": len(losses.rows),
        "by_cross_validation": losses.cross_validated,
        "candidates": len(candidates),
        "weak": [
            {
                **_told(subject, losses, candidates[place], vocabulary),
                "p_value": float(verdicts.p_values[place]),
                "excess": float(verdicts.excess[place]),
            }
            for place in chosen
        ],
    }


def _known(subject: Subject, losses: Losses) -> list[Candidate]:
    found = slices.members(subject.question, losses.rows, SMALL)
    members = slices.matrix(list(found.values()), len(losses.rows))
    return [
        Candidate(named.name, named.value, row)
        for named, row in zip(found, members, strict=True)
        if _usable(row, losses.groups)
    ]


def _clusters(subject: Subject, losses: Losses) -> list[Candidate]:
    """Of all labelled texts, as far as enough of one have a loss."""
    problem = subject.problem
    if len(problem) < 2 * SMALL:
        return []
    features = neighbours.whole(len(problem), problem.encodings, subject.frozen.features)
    said = clusters.Vocabulary([subject.question.text(row.example) for row in problem.rows]).features(subject.seed)
    place_of = {row.example.key: place for place, row in enumerate(losses.rows)}
    here = [place_of.get(row.example.key, -1) for row in problem.rows]
    most = len(set(losses.groups)) // SMALL
    found = []
    for places in (*clusters.places(features, most, subject.seed), *clusters.places(said, most, subject.seed)):
        members = np.zeros(len(losses.rows), dtype=bool)
        members[[here[place] for place in places if here[place] >= 0]] = True
        if _usable(members, losses.groups):
            found.append(Candidate(None, "", members))
    return found


def _usable(members: np.ndarray, groups: Sequence[str]) -> bool:
    inside = {group for group, there in zip(groups, members, strict=True) if there}
    outside = {group for group, there in zip(groups, members, strict=True) if not there}
    return min(len(inside), len(outside)) >= SMALL


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """How much of the smaller one is in the other."""
    return float((one & other).sum() / max(min(one.sum(), other.sum()), 1))


def _told(subject: Subject, losses: Losses, candidate: Candidate, vocabulary: clusters.Vocabulary) -> dict[str, Any]:
    inside = np.flatnonzero(candidate.members)
    scores, groups = [losses.scores[place] for place in inside], [losses.rows[place].group for place in inside]
    interval = intervals.headline(subject.kind, scores, groups, seed=subject.seed)
    worst = sorted(inside, key=lambda place: (-losses.values[place], losses.rows[place].example.key))
    return {
        "slice": candidate.slice,
        "value": candidate.value,
        "words": vocabulary.typical(candidate.members),
        "examples": len(inside),
        "groups": interval.groups,
        "score": interval.value,
        "low": interval.low,
        "high": interval.high,
        "rest": subject.kind.headline([losses.scores[place] for place in np.flatnonzero(~candidate.members)]),
        "keys": [losses.rows[place].example.key for place in worst[:KEYS]],
        "members": [losses.rows[place].example.key for place in inside],
    }


WEAK_SLICES = WeakSlices()

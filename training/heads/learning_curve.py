"""What heads like those that people are served are worth after fewer labels, told by the labels that there are.

Each head learns from a part of the labels and is measured on all others, so that every point is as sure as all labels
make it. A round's score is measured on a fifth of them, or on fifty: forecasts by such scores, of how many labels it
takes to .9 of what can be had, are off by .77 in the median, by these curves by .51, and fewer have the truth in their
intervals (`benchmarks.forecasts`).

With two to seven classes and 128 or 256 labels a curve takes 4 to 7 seconds of CPU, with 77 and 150 classes 9 to 22.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.evaluation import intervals
from labelwheel.training.evaluation.findings import CurvePoint
from labelwheel.training.evaluation.forecast import LEAST_LABELS, Point
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Score
from labelwheel.training.questions import Prediction, Question
from labelwheel.training.spec import LabelledExample

PARTS = ((16, 4), (8, 4), (4, 3), (2, 2))
"""One label in so many, and so many draws: which few labels there are matters more than which many."""

LEAST = 8
"""Heads that follow labels begin with so many (`revisions.light_gate`)."""

DRAWS = sum(draws for _, draws in PARTS)

AHEAD = 2.0
"""Standard errors. A curve that has not left the label names says nothing of when it will: with 77 and 150 intents,
forecasts by it were off by a factor of thirty and more."""

Answer = Callable[[list[int], list[int]], Sequence[Prediction]]
"""What a head that learns from the first places says of the others."""


class Known(NamedTuple):
    """Labelled examples, and what heads say of each that have learnt from all but one of so many `parts`.

    `before` is what the label names say of them, where they do. Answers that are less sure than `hide_below` are not
    shown, and count as none.
    """

    question: Question
    rows: Sequence[LabelledExample]
    out_of_fold: Sequence[Prediction]
    parts: int
    hide_below: float = 0.0
    before: Sequence[Prediction] | None = None

    @property
    def groups(self) -> list[str]:
        """Of near-duplicates."""
        return [row.group for row in self.rows]

    def scores(self, places: Sequence[int], said: Sequence[Prediction]) -> list[Score]:
        """Some answers against people's."""
        kind, question = kind_of(self.question), self.question
        return [
            kind.score(question, self.rows[place].example, self.rows[place].answer, kind.shown(one, self.hide_below))
            for place, one in zip(places, said, strict=True)
        ]

    def point(self, labels: int, scores: Sequence[Score], groups: Sequence[str]) -> CurvePoint:
        """What scores come to; an example that was measured more than once counts as one."""
        found = intervals.headline(kind_of(self.question), scores, groups, seed=0)
        return CurvePoint(labels=labels, score=found.value, low=found.low, high=found.high)


def drawn(known: Known, answer: Answer, seconds: float, seed: int = 0) -> list[CurvePoint]:
    """The fewest labels first, up to those that heads out of fold know; empty below the labels that a forecast takes,
    and where heads are not surely ahead of the label names.

    No head is begun after so many seconds: a part that was not drawn by then is left out.
    """
    count, groups = len(known.rows), known.groups
    if count < LEAST_LABELS:
        return []
    whole = known.point(round(count * (1 - 1 / known.parts)), known.scores(range(count), known.out_of_fold), groups)
    if known.before is not None:
        named = known.point(0, known.scores(range(count), known.before), groups)
        if whole.score - named.score < AHEAD * Point.of(whole.labels, whole.score, whole.low, whole.high).error:
            return []
    end, chance, points = time.monotonic() + seconds, np.random.default_rng(seed), list[CurvePoint]()
    for one_in, draws in PARTS:
        sizes, scores, owners = list[int](), list[Score](), list[str]()
        for learn in _parts(groups, count // one_in, draws, chance):
            if time.monotonic() > end:
                break
            rest = sorted(set(range(count)) - set(learn))
            sizes.append(len(learn))
            scores += known.scores(rest, answer(learn, rest))
            owners += [groups[place] for place in rest]
        if scores:
            points.append(known.point(round(float(np.mean(sizes))), scores, owners))
    return [*points, whole]


def _parts(groups: Sequence[str], size: int, draws: int, chance: np.random.Generator) -> Iterator[list[int]]:
    """Places of about so many examples; no group of near-duplicates is on both sides."""
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    names = sorted(members)
    for _ in range(draws if size >= LEAST else 0):
        learn = list[int]()
        for number in chance.permutation(len(names)):
            if len(learn) >= size:
                break
            learn += members[names[number]]
        yield sorted(learn)

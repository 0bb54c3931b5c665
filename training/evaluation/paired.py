"""Two models on the same examples: what the second wins and loses, overall and in each class, with intervals.

Differences are paired, by a cluster bootstrap over near-duplicate groups; the overall one and those of all classes are
read off the same draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelwheel.training.evaluation import intervals
from labelwheel.training.kinds.base import Score
from labelwheel.training.questions import Frozen

LEVEL = 0.90
CLASS_UNITS = 5
"""Of fewer gold units of a class nobody can tell."""


class ClassChange(Frozen):
    """One class under both models. `low` and `high` bound the change of F1 at 90 %; `collapsed` forbids promotion."""

    label: str
    gold: float
    champion_f1: float
    challenger_f1: float
    low: float
    high: float
    collapsed: bool = False

    @property
    def change(self) -> float:
        """What the challenger wins (or, negative, loses) in F1."""
        return self.challenger_f1 - self.champion_f1

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval has no zero in it, on gold units enough to have one."""
        return self.gold >= CLASS_UNITS and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class Paired:
    """`sums` (groups, both models' columns) as `intervals.score_columns` has them, the champion's first.

    `drawn` (resamples, columns) are the totals of the bootstrap's draws of groups.
    """

    labels: Sequence[str]
    sums: np.ndarray
    drawn: np.ndarray

    @classmethod
    def of(cls, groups: Sequence[str], champion: Sequence[Score], challenger: Sequence[Score], seed: int) -> Paired:
        """From both models' scores of the same examples, in the same order; at least one."""
        labels = sorted({label for score in (*champion, *challenger) for label in score.units})
        columns = [intervals.score_columns(scores, labels) for scores in (champion, challenger)]
        sums = intervals.group_sums(groups, np.hstack(columns))
        return cls(labels, sums, intervals.resampled(sums, lambda values: values, seed=seed))

    @property
    def half(self) -> int:
        """The first column of the challenger's."""
        return self.sums.shape[1] // 2

    @property
    def totals(self) -> np.ndarray:
        """Over all groups, (columns,)."""
        return self.sums.sum(0)

    @property
    def difference(self) -> float:
        """Of the mean scores, challenger minus champion."""
        return float(self._difference_of(self.totals))

    @property
    def gains(self) -> np.ndarray:
        """What the challenger wins in each group's mean score, (groups,)."""
        return self._difference_of(self.sums)

    @property
    def errors(self) -> int:
        """In how many groups the champion leaves anything to gain."""
        return int((intervals.mean_score(self.sums[:, : self.half]) < 1 - 1e-12).sum())

    @property
    def differences(self) -> np.ndarray:
        """The same in each draw, (resamples,)."""
        return self._difference_of(self.drawn)

    @property
    def interval(self) -> tuple[float, float]:
        """Of the difference, at 90 %, expanded for few groups (`intervals.tails`)."""
        if len(self.sums) < 2:
            return -1.0, 1.0  # one text cannot say how much others differ
        low, high = np.quantile(self.differences, intervals.tails(len(self.sums), LEVEL))
        return float(low), float(high)

    def classes(self, floor: float = 0.0) -> list[ClassChange]:
        """In the order of their names; those collapse that lose more than `floor` of F1, beyond chance.

        Resamples without a gold unit of a class say nothing about it and are left out.
        """
        found = []
        for place, label in enumerate(self.labels):
            old, new = (slice(first + 2 + 3 * place, first + 5 + 3 * place) for first in (0, self.half))
            gold = float(_gold(self.totals[old]))
            champion, challenger = float(_f1(self.totals[old])), float(_f1(self.totals[new]))
            present = (_f1(self.drawn[:, new]) - _f1(self.drawn[:, old]))[_gold(self.drawn[:, old]) > 0]
            low, high = (-1.0, 1.0) if not len(present) else np.quantile(present, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            collapsed = gold >= CLASS_UNITS and challenger - champion < -floor and high < 0
            found.append(
                ClassChange(
                    label=label,
                    gold=gold,
                    champion_f1=champion,
                    challenger_f1=challenger,
                    low=float(low),
                    high=float(high),
                    collapsed=bool(collapsed),
                )
            )
        return found

    def _difference_of(self, totals: np.ndarray) -> np.ndarray:
        half = self.half
        return intervals.mean_score(totals[..., half:]) - intervals.mean_score(totals[..., :half])


def _f1(counts: np.ndarray) -> np.ndarray:
    return intervals.f1(counts[..., 0], counts[..., 1], counts[..., 2])


def _gold(counts: np.ndarray) -> np.ndarray:
    return counts[..., 0] + counts[..., 2]

"""Gates that see a champion and a challenger on the same texts, as functions of what was won and lost.

`fixed_level` is the product's (`training.evaluation.comparison`), which looks at each round alone; `spending` is a
candidate that knows how often the same champion was challenged before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats

from labelwheel.training.evaluation import intervals
from labelwheel.training.evaluation.comparison import ENOUGH_GROUPS
from labelwheel.training.evaluation.paired import LEVEL

MARGIN = 0.02

Counts = np.ndarray
Rule = Callable[[Counts, Counts, Counts, Counts], np.ndarray]
"""From texts won, texts lost, texts in all and the look's number (from 1 for each champion) to whether it promotes."""


def fixed_level(won: Counts, lost: Counts, texts: Counts, looks: Counts) -> np.ndarray:
    """Today's gate on ten texts and more, for answers that are right or wrong; the floors per class are left out."""
    there = zip(won.tolist(), lost.tolist(), texts.tolist(), strict=True)
    return np.array([_not_worse(*counts) for counts in there], dtype=bool)


@cache
def _not_worse(won: int, lost: int, texts: int) -> bool:
    # a draw of whole texts is a draw of how many are won, lost and alike
    drawn = np.random.default_rng(13).multinomial(
        texts, [won / texts, lost / texts, 1 - (won + lost) / texts], intervals.RESAMPLES
    )
    low = np.quantile((drawn[:, 0] - drawn[:, 1]) / texts, intervals.tails(texts, LEVEL)[0])
    if low > 0:
        return True
    if texts < ENOUGH_GROUPS:
        return won > lost
    return bool(low >= -MARGIN or won >= lost - 1)


def spending(level: float) -> Rule:
    """Promotes beyond chance, at a level that all looks at one champion share: the k-th has level * 6 / (pi * k) ** 2.

    So the chance that a champion is ever replaced by a challenger that is no better stays below `level`, by the union
    bound, however often it is looked at (after Lan and DeMets 1983). An exact sign test on the texts that differ.
    """

    def rule(won: Counts, lost: Counts, texts: Counts, looks: Counts) -> np.ndarray:
        return (won > lost) & (sign_test(won, lost) <= level * share(looks))

    return rule


def share(looks: Counts | int) -> np.ndarray:
    """What the look with that number may spend of the level; all together spend 1."""
    return 6 / (np.pi * np.asarray(looks, dtype=float)) ** 2


def sign_test(won: Counts, lost: Counts) -> np.ndarray:
    """The one-sided p value of as many won, or more, where half of the texts that differ would be."""
    return stats.binom.sf(np.asarray(won) - 1, np.asarray(won) + np.asarray(lost), 0.5)

"""Gates that see a champion and a challenger on the same texts, as functions of what was won and lost.

`spending` at its level is the product's (`training.evaluation.comparison`), which knows how often the same champion was
challenged before; `naive` is what a script does that keeps the better score; `alone` was the product's before, and
looked at each round alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats

from labelwheel.training.evaluation.looks import allowed
from labelwheel.training.evaluation.paired import LEVEL

MARGIN, ENOUGH = 0.02, 50

Counts = np.ndarray
Rule = Callable[[Counts, Counts, Counts, Counts], np.ndarray]
"""From texts won, texts lost, texts in all and the look's number (from 1 for each champion; 0 is an early one) to
whether it promotes."""


def naive(won: Counts, lost: Counts, texts: Counts, looks: Counts) -> np.ndarray:
    """Promotes what scores at least as high."""
    return np.asarray(won) >= np.asarray(lost)


def alone(won: Counts, lost: Counts, texts: Counts, looks: Counts) -> np.ndarray:
    """A test for each round, with a margin of .02, for answers that are right or wrong; without floors per class."""
    gain, differ = (won - lost) / texts, (won + lost) / texts
    error = np.sqrt(np.maximum(differ - gain**2, 0) / np.maximum(texts - 1, 1))
    low = gain + stats.t.ppf((1 - LEVEL) / 2, np.maximum(texts - 1, 1)) * error
    tied = np.where(texts < ENOUGH, won > lost, (low >= -MARGIN) | (won >= lost - 1))
    return (low > 0) | tied


def spending(level: float) -> Rule:
    """Promotes beyond chance, by a sign test at what each look may spend of a level that all at one champion share."""

    def rule(won: Counts, lost: Counts, texts: Counts, looks: Counts) -> np.ndarray:
        return (won > lost) & (sign_test(won, lost) <= levels(level, int(np.max(looks)))[looks])

    return rule


@cache
def levels(level: float, last: int) -> np.ndarray:
    """What each look may spend, (last + 1,), by its number."""
    return np.array([allowed(level, look) for look in range(last + 1)])


def sign_test(won: Counts, lost: Counts) -> np.ndarray:
    """The one-sided p value of as many won, or more, where half of the texts that differ would be."""
    return stats.binom.sf(np.asarray(won) - 1, np.asarray(won) + np.asarray(lost), 0.5)

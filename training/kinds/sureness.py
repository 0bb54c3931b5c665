"""How sure an item is that was answered: among items of a score, the share that people would answer too.

Log-odds are moved and stretched (Platt 1999) as is likeliest for items that were answered out of fold, held back to no
change as these are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEAST = 10
"""With fewer items there is nothing to go by."""

_SUREST = 1e-6  # nothing is certain: where all below 1 is hidden, nothing is shown
_FARTHEST = 13.8  # the log-odds of that


class Sureness(NamedTuple):
    """The log-odds of an item's score times `slope`, and `shift` more."""

    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, score: float) -> float:
        """The score in [0, 1] that is true of one in [0, 1]."""
        if self == Sureness():
            return score
        return float(1.0 / (1.0 + np.exp(-np.clip(self.slope * log_odds(score) + self.shift, -_FARTHEST, _FARTHEST))))


class Held(NamedTuple):
    """How dear a departure from no change is, in log loss of one item for each squared step."""

    slope: float
    shift: float


def fit(scores: Sequence[float] | np.ndarray, right: Sequence[bool] | np.ndarray, held: Held) -> Sureness:
    """What makes scores true; no change where there are few."""
    from scipy.optimize import minimize  # slow to load, and serving never needs it

    if len(scores) < LEAST:
        return Sureness()
    odds, signs = log_odds(np.asarray(scores, dtype=float)), np.where(right, 1.0, -1.0)

    def cost(values: np.ndarray) -> float:
        slope, shift = values
        apart = held.slope * (slope - 1.0) ** 2 + held.shift * shift**2
        return float(np.logaddexp(0.0, -signs * (slope * odds + shift)).sum() + apart)

    slope, shift = minimize(cost, tuple(Sureness())).x
    return Sureness(float(max(slope, 0.0)), float(shift))


def log_odds(score: float | np.ndarray) -> np.ndarray:
    """Of probabilities, which end before 0 and 1."""
    kept = np.clip(score, _SUREST, 1.0 - _SUREST)
    return np.asarray(np.log(kept) - np.log1p(-kept))

"""How sure a span is: among spans of a score, the share that is exactly as people draw and name it.

The mean of its words' probabilities says something else: words of a wrong edge are likely ones, and a head that leans
towards spans shows some that are likelier right than their words. So log-odds are moved and stretched (Platt 1999) as
is likeliest for spans that were answered out of fold, held back to no change as these are few.

Beside it on spans of btc, wnut17 and ncbi_disease, 50 to 400 texts: isotonic regression, the probability of the whole
path, of the least sure word, and the length as another feature; none is nearer to the truth on other texts. Fine-tuned
checkpoints do not gain (btc and ncbi_disease, four draws: an error of .152 before, .156 after), and have none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.questions import Answer, Example, Prediction, Question

LEAST = 10
"""With fewer spans there is nothing to go by."""

_HELD_SLOPE, _HELD_SHIFT = 20.0, 0.5
_SUREST = 1e-6  # no span is certain: where all below 1 is hidden, none is shown


class Sureness(NamedTuple):
    """The log-odds of a span's score times `slope`, and `shift` more."""

    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, score: float) -> float:
        """The score in [0, 1] that is true of one in [0, 1]."""
        if self == Sureness():
            return score
        return float(1.0 / (1.0 + np.exp(-np.clip(self.slope * _log_odds(score) + self.shift, -13.8, 13.8))))


def learn(
    question: Question, examples: Sequence[Example], golds: Sequence[Answer], predictions: Sequence[Prediction]
) -> Sureness:
    """From what was answered, not calibrated, to examples that were not learnt from; right is what people marked."""
    scores, right = list[float](), list[bool]()
    for example, gold, one in zip(examples, golds, predictions, strict=True):
        if one.answer:
            wanted = question.comparable(gold, example) or []
            scores += one.item_scores
            right += [span in wanted for span in question.comparable(one.answer, example)]
    return fit(scores, right)


def fit(scores: Sequence[float], right: Sequence[bool]) -> Sureness:
    """What makes the scores of spans true; no change where there are few."""
    from scipy.optimize import minimize  # slow to load, and serving never needs it

    if len(scores) < LEAST:
        return Sureness()
    odds, signs = _log_odds(np.asarray(scores, dtype=float)), np.where(right, 1.0, -1.0)

    def cost(values: np.ndarray) -> float:
        slope, shift = values
        held = _HELD_SLOPE * (slope - 1.0) ** 2 + _HELD_SHIFT * shift**2
        return float(np.logaddexp(0.0, -signs * (slope * odds + shift)).sum() + held)

    slope, shift = minimize(cost, (1.0, 0.0)).x
    return Sureness(float(max(slope, 0.0)), float(shift))


def _log_odds(score: float | np.ndarray) -> np.ndarray:
    kept = np.clip(score, _SUREST, 1.0 - _SUREST)
    return np.asarray(np.log(kept) - np.log1p(-kept))

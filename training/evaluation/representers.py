"""Which labels moved an answer most: representer points (Yeh et al. 2018) of a regression on a model's features.

Where a penalty on its weights is all that holds a linear head back, its logit for a text is a sum over the labels that
it was fitted to, alpha_i · <f_i, f>, with alpha_i = C · (target_i - said_i): each has its share in it, for or against.
The sum is exact for this regression. It stands for a model that was trained in another way only as far as both say the
same, so that nothing is told where they do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.questions import Answer

STRENGTH = 10.0
"""`C`: the sum of the losses counts so many times as much as the penalty, for features of length one."""

FOR, AGAINST = 3, 2
"""So many labels are told of at most that moved an answer towards what is said, and away from it."""

_STEPS, _EXACT = 1000, 1e-6


class Moved(NamedTuple):
    """The place of a label, and its part of all that moves an item, from -1 to 1; below 0 it speaks against it."""

    place: int
    share: float


class Representers:
    """One regression on labels. `features` (labels, width) are of any length, `answers` strings or lists of such.

    Lists give a regression for each label that is in some of them and not in all.
    """

    def __init__(self, features: np.ndarray, answers: Sequence[Answer]) -> None:
        self._rows = _unit(features)
        self._several = any(isinstance(one, list) for one in answers)
        self._answers = answers
        self._weights: dict[str, np.ndarray] = {}  # of each label's alpha, (labels,)
        if not self._several and len(names := sorted({str(one) for one in answers})) > 1:
            self._weights = dict(
                zip(names, self._alphas(np.asarray([str(one) for one in answers]), names), strict=True)
            )

    def values(self, item: str, features: np.ndarray) -> np.ndarray | None:
        """What each label adds to the logit of an item for one text, (labels,); None where no label tells of it."""
        if item not in self._weights and self._several:
            there = np.asarray([isinstance(one, list) and item in one for one in self._answers])
            if there.any() and not there.all():
                self._weights[item] = self._alphas(there, [False, True])[1]
        if item not in self._weights:
            return None
        return np.asarray(self._weights[item] * (self._rows @ _unit(features[None])[0]))

    def says(self, item: str, features: np.ndarray) -> bool:
        """Whether the regression gives the same answer: this one of all, or this label among several."""
        own = self.values(item, features)
        if own is None:
            return False
        if self._several:
            return float(own.sum()) > 0
        likeness = self._rows @ _unit(features[None])[0]
        return bool(max(self._weights, key=lambda name: float(self._weights[name] @ likeness)) == item)

    def moved(self, item: str, features: np.ndarray) -> list[Moved]:
        """The labels that move it most, those for it first; none where the regression says something else."""
        values = self.values(item, features) if self.says(item, features) else None
        if values is None or not (whole := float(np.abs(values).sum())):
            return []
        order = np.argsort(-values, kind="stable").tolist()
        towards = [place for place in order[:FOR] if values[place] > 0]
        against = [place for place in order[: -AGAINST - 1 : -1] if values[place] < 0]
        return [Moved(place, float(values[place]) / whole) for place in towards + against]

    def _alphas(self, targets: np.ndarray, names: Sequence[object]) -> np.ndarray:
        """(names, labels)."""
        from sklearn.linear_model import LogisticRegression

        # the constant feature is the bias, held back like any other weight, or the sum would not be the logit
        head = LogisticRegression(C=STRENGTH, fit_intercept=False, tol=_EXACT, max_iter=_STEPS)
        head.fit(self._rows, targets)
        there = np.stack([targets == name for name in names]).astype(float)
        return np.asarray(STRENGTH * (there - head.predict_proba(self._rows).T))


def _unit(features: np.ndarray) -> np.ndarray:
    """Of length one, with a constant beside it."""
    rows = np.asarray(features, dtype=np.float64)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.hstack([rows, np.ones((len(rows), 1))])

"""What is minimised, for each kind of question: the same loss for the regression, the fine-tuning and the choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax

from labelwheel.training.questions import Kind

IGNORED = -100


class Softmax:
    """One class per row: a text, or each token of it.

    With `names` a class that has no example is left out of the loss: nobody has said that it is wrong.
    """

    def __init__(self, names: bool = False) -> None:
        self.names = names

    def losses(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Log loss of each row, (rows,); logits (rows, classes), targets (rows,)."""
        likely = log_softmax(logits.astype(np.float64), axis=1)
        return -likely[np.arange(len(targets)), targets.astype(int)]

    def gradient(self, logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses (rows,) and their derivatives by the logits (rows, classes)."""
        rows, numbers = np.arange(len(targets)), targets.astype(int)
        likely = log_softmax(logits, axis=1)
        slopes = np.exp(likely)
        slopes[rows, numbers] -= 1.0
        return -likely[rows, numbers], slopes

    def torch_loss(self, logits: Any, labels: Any, weights: Any) -> Any:
        """The sum over rows, weighted by class; a class that weighs nothing has no example."""
        import torch

        if self.names and weights is not None:
            logits = logits.masked_fill(weights == 0, torch.finfo(logits.dtype).min)
        return torch.nn.functional.cross_entropy(
            logits.float().flatten(0, -2), labels.flatten(), weights, ignore_index=IGNORED, reduction="sum"
        )


class Sigmoid:
    """Each class by itself, yes or no."""

    def losses(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Mean log loss over the classes, (rows,)."""
        return _binary(logits.astype(np.float64), targets).mean(axis=1)

    def gradient(self, logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses (rows,) and their derivatives by the logits (rows, classes)."""
        return _binary(logits, targets).sum(axis=1), 0.5 * (1.0 + np.tanh(0.5 * logits)) - targets

    def torch_loss(self, logits: Any, labels: Any, weights: Any) -> Any:
        """The sum over rows and classes, weighted by class."""
        import torch

        return torch.nn.functional.binary_cross_entropy_with_logits(
            logits.float(), labels.float(), weights, reduction="sum"
        )


class Squared:
    """A standardised number."""

    def losses(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Squared error, (rows,)."""
        return ((logits - targets) ** 2).mean(axis=1)

    def gradient(self, logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses (rows,) and their derivatives by the logits (rows, 1)."""
        return ((logits - targets) ** 2).sum(axis=1), 2.0 * (logits - targets)

    def torch_loss(self, logits: Any, labels: Any, weights: Any) -> Any:
        """The sum over rows."""
        return ((logits.float() - labels.float()) ** 2).sum()


class Preference(Sigmoid):
    """Left or right: the difference of the two sides' numbers is the log-odds; left rows come first."""

    def torch_loss(self, logits: Any, labels: Any, weights: Any) -> Any:
        """The sum over pairs."""
        left, right = logits.float().chunk(2)
        return super().torch_loss(left - right, labels, weights)


Objective = Softmax | Sigmoid | Squared | Preference

_OBJECTIVES: dict[Kind, Callable[[], Objective]] = {
    Kind.CHOICE: lambda: Softmax(names=True),
    Kind.RATING: Softmax,
    Kind.SPANS: Softmax,
    Kind.CHOICES: Sigmoid,
    Kind.TAXONOMY: Sigmoid,
    Kind.NUMBER: Squared,
    Kind.PAIRWISE: Preference,
}


def objective_for(kind: Kind) -> Objective:
    """The objective of a kind of question."""
    return _OBJECTIVES[kind]()


def class_weights(targets: Sequence[np.ndarray], classes: int, power: float = 0.5) -> np.ndarray:
    """Weights (classes,) by the inverse root of the class's count, 1 in the mean over rows; absent classes have 0.

    The root is half way between ignoring rare classes and letting a single label of one outweigh all others; with a
    `power` of 1 all classes weigh the same.
    """
    numbers = np.concatenate([np.atleast_1d(target).ravel() for target in targets]).astype(int)
    counts = np.bincount(numbers[numbers != IGNORED], minlength=classes).astype(float)
    weights = np.where(counts > 0, np.maximum(counts, 1.0) ** -power, 0.0)
    return weights * counts.sum() / max(float((weights * counts).sum()), 1e-12)


def _binary(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, logits) - targets * logits

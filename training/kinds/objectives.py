"""What is minimised: the same loss for the regression, the fine-tuning and the choice among them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import log_softmax

IGNORED = -100


class Objective(ABC):
    """A loss over rows, in numpy with its gradient and in torch."""

    @abstractmethod
    def losses(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The loss of each row, (rows,)."""

    @abstractmethod
    def gradient(self, logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Losses (rows,) and their derivatives by the logits (rows, classes)."""

    @abstractmethod
    def torch_loss(self, logits: Any, labels: Any, weights: Any) -> Any:
        """The sum over rows of torch tensors; `weights` are those that `weights` gave."""

    def weights(self, targets: Sequence[np.ndarray], classes: int) -> np.ndarray | None:
        """What classes weigh in the fine-tuning, (classes,); None where all weigh the same."""
        return None

    def soft_loss(self, logits: Any, said: Any, temperature: float) -> Any:
        """The sum over rows of how far logits are from another model's, torch tensors (rows, outputs).

        Their squared distance, unless they stand for probabilities, which are compared at a `temperature`.
        """
        return ((logits.float() - said.float()) ** 2).sum()


class Softmax(Objective):
    """One class per row: a text, or each token of it. Targets are the classes' numbers.

    With `names` a class that has no example is left out of the loss: nobody has said that it is wrong. `weighted` tells
    that rare classes weigh more.
    """

    def __init__(self, names: bool = False, weighted: bool = True) -> None:
        self.names, self.weighted = names, weighted

    def weights(self, targets: Sequence[np.ndarray], classes: int) -> np.ndarray | None:
        """By the inverse root of their counts; see `class_weights`."""
        return class_weights(targets, classes) if self.weighted else None

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

    def soft_loss(self, logits: Any, said: Any, temperature: float) -> Any:
        """Kullback-Leibler divergence (Hinton et al. 2015, arXiv 1503.02531); T² keeps gradients as large at any T."""
        import torch

        wanted = (said.float() / temperature).softmax(-1)
        likely = (logits.float() / temperature).log_softmax(-1)
        return temperature**2 * torch.nn.functional.kl_div(likely, wanted, reduction="sum")


class Sigmoid(Objective):
    """Each class by itself, yes or no."""

    def weights(self, targets: Sequence[np.ndarray], classes: int) -> np.ndarray | None:
        """An option that nobody has used yet weighs nothing: it keeps what its name says."""
        return (np.sum(targets, axis=0) > 0).astype(np.float64)

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

    def soft_loss(self, logits: Any, said: Any, temperature: float) -> Any:
        """Cross-entropy of each class by itself, over T² of both."""
        import torch

        wanted = (said.float() / temperature).sigmoid()
        return temperature**2 * torch.nn.functional.binary_cross_entropy_with_logits(
            logits.float() / temperature, wanted, reduction="sum"
        )


class Squared(Objective):
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

    def weights(self, targets: Sequence[np.ndarray], classes: int) -> np.ndarray | None:
        """Both sides weigh the same."""
        return None

    def torch_loss(self, logits: Any, labels: Any, weights: Any) -> Any:
        """The sum over pairs."""
        left, right = logits.float().chunk(2)
        return super().torch_loss(left - right, labels, weights)


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

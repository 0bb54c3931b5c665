"""Regression on frozen features that starts from a prior: it leaves what the label names say only as far as it must."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from labelwheel.training.kinds.objectives import Objective, Softmax

BIAS = 0.1
"""How much dearer a bias is than a weight: held back too, or a class without labels would be out of reach for good."""

_OUT = -1e9  # a logit that no softmax gives a share to


@dataclass(frozen=True)
class Head:
    """A linear head: weight (classes, features) and bias (classes,), in the units of the features."""

    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Logits (…, classes)."""
        return features @ self.weight.T + self.bias


def fit(
    objective: Objective,
    features: np.ndarray,
    targets: np.ndarray,
    prior: Head,
    penalty: float,
    *,
    weights: np.ndarray | None = None,
    pinned: np.ndarray | None = None,
    bias: float | None = BIAS,
    iterations: int = 200,
) -> Head:
    """Minimises mean loss + penalty / 2 · (|W - prior|² + bias · |b|²), by L-BFGS with the exact gradient.

    `features` (rows, features) should be about 1 long, `targets` is what the objective takes; `weights` (rows,) have
    mean 1; without `bias` (None) the prior's stays; `pinned` (classes,) of bool are the classes that keep their prior
    because nobody has used them yet. Where classes exclude each other the loss leaves those out: else the others would
    learn to outdo them everywhere.
    """
    rows, width = features.shape
    classes = len(prior.bias)
    dear = BIAS if bias is None else bias
    shares = (np.ones(rows) if weights is None else weights) / rows
    offset = prior(features)
    # by the representer theorem the solution is a combination of rows: with few rows that is a far smaller problem
    reduced, basis = features, None
    if rows < width:
        directions, coordinates = np.linalg.qr(features.T)
        reduced, basis = coordinates.T, directions.T
    dims = reduced.shape[1]
    free = np.ones(classes, dtype=bool) if pinned is None else ~pinned
    if isinstance(objective, Softmax):
        offset[:, ~free] = _OUT

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        both = flat.reshape(-1, dims + 1)
        change, biases = both[:, :dims], both[:, dims]
        logits = offset.copy()
        logits[:, free] += reduced @ change.T + biases
        losses, slopes = objective.gradient(logits, targets)
        slopes = slopes[:, free] * shares[:, None]
        total = shares @ losses + penalty / 2 * ((change**2).sum() + dear * (biases**2).sum())
        bias_slope = slopes.sum(axis=0) + penalty * dear * biases if bias is not None else np.zeros_like(biases)
        return float(total), np.column_stack([slopes.T @ reduced + penalty * change, bias_slope]).ravel()

    start = np.zeros(int(free.sum()) * (dims + 1))
    found = minimize(value, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations, "maxcor": 20})
    both = found.x.reshape(-1, dims + 1)
    weight, biases = prior.weight.copy(), prior.bias.copy()
    weight[free] += both[:, :dims] if basis is None else both[:, :dims] @ basis
    biases[free] += both[:, dims]
    return Head(weight, biases)

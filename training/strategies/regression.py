"""Regression on frozen features that starts from a prior: it leaves what the label names say only as far as it must."""

from __future__ import annotations

import time
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
    offset: np.ndarray | None = None,
    start: Head | None = None,
    seconds: float | None = None,
    tolerance: float = 2e-9,
) -> Head:
    """Minimises mean loss + penalty / 2 · (|W - prior|² + bias · |b|²), by L-BFGS with the exact gradient.

    `features` (rows, features) should be about 1 long, `targets` is what the objective takes; `weights` (rows,) have
    mean 1; without `bias` (None) the prior's stays; `pinned` (classes,) of bool are the classes that keep their prior
    because nobody has used them yet. Where classes exclude each other the loss leaves those out: else the others would
    learn to outdo them everywhere. `offset` (rows, classes) is what each row's logits have besides. The search begins
    at `start`, and ends after some `seconds` where it is, or where a step gains less than a share `tolerance`.
    """
    rows, width = features.shape
    classes = len(prior.bias)
    dear = BIAS if bias is None else bias
    shares = (np.ones(rows) if weights is None else weights) / rows
    begun = time.monotonic()
    offset = prior(features) if offset is None else prior(features) + offset
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

    first = np.zeros((int(free.sum()), dims + 1))
    if start is not None:
        change = (start.weight - prior.weight)[free]
        first[:, :dims] = change if basis is None else change @ basis.T
        first[:, dims] = (start.bias - prior.bias)[free]

    def watch(intermediate_result: object) -> None:
        if seconds is not None and time.monotonic() - begun > seconds:
            raise StopIteration

    options = {"maxiter": iterations, "maxcor": 20, "ftol": tolerance}
    found = minimize(value, first.ravel(), jac=True, method="L-BFGS-B", options=options, callback=watch)
    both = found.x.reshape(-1, dims + 1)
    weight, biases = prior.weight.copy(), prior.bias.copy()
    weight[free] += both[:, :dims] if basis is None else both[:, :dims] @ basis
    biases[free] += both[:, dims]
    return Head(weight, biases)

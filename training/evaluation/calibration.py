"""Whether a score of 0.8 is right eight times of ten, and one temperature that makes it so (Guo et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

_COLDEST, _HOTTEST = 0.2, 20.0
_PRIOR = (
    2.0  # how many examples the belief is worth that the temperature is near 1: few labels must not say "always sure"
)


def temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """What to divide logits (examples, labels) by; `targets` are indices, or zeros and ones (examples, labels).

    Minimises the negative log-likelihood on examples that were not trained on, softmax for indices and sigmoids for
    zeros and ones. 1 where there is no example.
    """
    logits = np.asarray(logits, dtype=np.float64)
    targets = np.asarray(targets)
    if not len(logits):
        return 1.0
    sign = 2.0 * targets - 1.0 if targets.ndim == 2 else None

    def cost(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if sign is not None:
            loss = np.logaddexp(0.0, -sign * scaled).mean(1).sum()
        else:
            loss = -log_softmax(scaled, axis=1)[np.arange(len(targets)), targets].sum()
        return float(loss + _PRIOR * log_temperature**2)

    found = minimize_scalar(cost, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """The mean distance of confidence and accuracy over bins of equal size (Naeini et al. 2015); 0 without examples."""
    rows = reliability(confidences, right, bins)
    total = sum(row["examples"] for row in rows)
    return sum(row["examples"] * abs(row["confidence"] - row["accuracy"]) for row in rows) / total if total else 0.0


def reliability(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> list[dict[str, Any]]:
    """Mean confidence and accuracy in bins of equally many examples, the least sure first."""
    order = np.argsort(np.asarray(confidences, dtype=float), kind="stable")
    sure, hit = np.asarray(confidences, dtype=float)[order], np.asarray(right, dtype=float)[order]
    return [
        {"confidence": float(sure[part].mean()), "accuracy": float(hit[part].mean()), "examples": len(part)}
        for part in np.array_split(np.arange(len(order)), min(bins, max(len(order) // 5, 1)))
        if len(part)
    ]


def log_likelihood(logits: np.ndarray, targets: np.ndarray) -> float:
    """The mean log-likelihood of indices under softmax, to compare temperatures with."""
    logits = np.asarray(logits, dtype=np.float64)
    return float((logits[np.arange(len(targets)), targets] - logsumexp(logits, axis=1)).mean())

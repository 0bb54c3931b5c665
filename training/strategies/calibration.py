"""What a checkpoint's manifest says about its scores, so that 0.9 means right in nine cases of ten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from labelwheel.training.kinds import choices, number
from labelwheel.training.kinds.texts import TEMPERATURE, sigmoid
from labelwheel.training.questions import Kind
from labelwheel.training.strategies.problem import Problem

_SPREAD = 2.5  # temperatures from exp(-2.5) to exp(2.5)
_ENOUGH = 10


def fit(problem: Problem, indices: Sequence[int], logits: Mapping[int, np.ndarray]) -> dict[str, float]:
    """Temperature (Guo et al. 2017) and thresholds from logits of examples that the model has not learnt from.

    `logits` are standardised, by encoding number. With fewer than 10 examples there is nothing to go by.
    """
    found: dict[str, float] = {}
    if problem.question.kind is Kind.NUMBER:
        found |= number.habits(problem.answers)
    found |= problem.habits
    if len(indices) < _ENOUGH:
        return found
    values, targets, _ = problem.stack(indices, logits)
    if problem.question.kind is Kind.NUMBER:
        found[number.RESIDUAL] = float(np.abs(values - targets).mean() * problem.scale)
        return found
    found[TEMPERATURE] = temperature(problem, values, targets)
    if problem.question.kind in (Kind.CHOICES, Kind.TAXONOMY):
        found[choices.THRESHOLD] = threshold(sigmoid(values / found[TEMPERATURE]), targets)
    return found


def temperature(problem: Problem, values: np.ndarray, targets: np.ndarray) -> float:
    """The number to divide logits (rows, classes) by so that the log loss is least."""
    objective = problem.objective
    found = minimize_scalar(
        lambda log: float(objective.losses(values / np.exp(log), targets).mean()),
        bounds=(-_SPREAD, _SPREAD),
        method="bounded",
        options={"xatol": 0.01},
    )
    return float(np.exp(found.x))


def threshold(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """From which probability on labels are answered so that micro F1 is greatest; between 0.1 and 0.7."""
    wanted = targets.sum()
    best, most = 0.5, -1.0
    for edge in np.linspace(0.1, 0.7, 25):
        given = probabilities >= edge
        f1 = 2 * float((given * targets).sum()) / max(float(given.sum() + wanted), 1e-12)
        # of equal ones the nearest to one half, which is the best where probabilities are right
        if f1 > most + 1e-9 or (abs(f1 - most) <= 1e-9 and abs(edge - 0.5) < abs(best - 0.5)):
            best, most = float(edge), f1
    return best

"""What a checkpoint's manifest says about its scores, so that 0.9 means right in nine cases of ten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from labelwheel.training.strategies.problem import Problem

_ENOUGH = 10


def fit(problem: Problem, indices: Sequence[int], logits: Mapping[int, np.ndarray]) -> dict[str, float]:
    """What the question's kind makes of logits of examples that the model has not learnt from, and people's habits.

    `logits` are standardised, by encoding number. With fewer than 10 examples there is nothing to go by.
    """
    if len(indices) < _ENOUGH:
        return dict(problem.habits)
    values, targets, _ = problem.stack(indices, logits)
    return problem.habits | problem.kind.calibrate(values, targets, problem.scale)

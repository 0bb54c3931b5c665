"""What the regression on the frozen encoder says of each labelled example when it has not learnt from it."""

from __future__ import annotations

import numpy as np

from labelwheel.training.strategies.folds import folds
from labelwheel.training.strategies.frozen_head import Frozen

FOLDS = 5
SECONDS = 60.0
"""So long the strength of the regression is searched for; what is tried first does nearly as well."""


def logits(frozen: Frozen, seed: int) -> dict[int, np.ndarray]:
    """Standardised logits of all encodings, by number; near-duplicates are in one fold.

    Empty where all examples are of one group, and where no regression can answer. The strength is found on the same
    folds: it is one number for all labels, which no single one can move.
    """
    problem = frozen.problem
    able = len(problem) and not problem.kind.free
    split = folds(problem.strata, [row.group for row in problem.rows], FOLDS, seed) if able else []
    if not split:
        return {}
    setting = frozen.search(range(len(problem)), split, SECONDS)
    found: dict[int, np.ndarray] = {}
    for learn, measure in split:
        found |= frozen.logits(frozen.fit(learn, setting), measure)
    return found

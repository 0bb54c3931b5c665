"""Folds of the training side: stratified, and a near-duplicate group stays in one fold."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

Fold = tuple[list[int], list[int]]
"""The numbers of the examples to learn from, and of those to measure on."""


def folds(strata: Sequence[str], groups: Sequence[str], count: int, seed: int) -> list[Fold]:
    """At most `count` folds, as many as there are groups; none where there is a single group."""
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    count = min(count, len(set(groups)))
    if count < 2:
        return []
    indices = np.arange(len(groups))
    commonest = max(list(strata).count(name) for name in set(strata))
    # scikit-learn refuses to stratify where every class is smaller than the number of folds
    splitter = (
        StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        if commonest >= count
        else GroupKFold(count, shuffle=True, random_state=seed)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer members than folds is usual here
        found = list(splitter.split(indices, np.asarray(strata, dtype=object).astype(str), np.asarray(groups)))
    return [(learn.tolist(), measure.tolist()) for learn, measure in found if len(learn) and len(measure)]

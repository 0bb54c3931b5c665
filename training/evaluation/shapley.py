"""Shapley values of words (Lundberg and Lee 2017): what each brings on average, whatever other words are there."""

from __future__ import annotations

import numpy as np

from labelwheel.training.errors import MissingExtra
from labelwheel.training.evaluation.explanation import Occluded
from labelwheel.training.evaluation.occlusion import phrases

PLAYERS = 32
"""Of longer texts so many phrases of like length are weighed, and their words share what they bring."""

ANSWERS = 600
"""About so many answers are asked for at most."""

_AT_ONCE = 50


def values(occluded: Occluded, seed: int = 0) -> np.ndarray:
    """What each word brings to each item of the answer, (words, items); together what all words bring.

    Needs the package shap; raises MissingExtra.
    """
    try:
        import shap  # type: ignore[import-untyped]
    except ImportError:
        raise MissingExtra("Shapley values need one more package: pip install 'labelwheel[shapley]'") from None
    groups, count = phrases(occluded.words, PLAYERS), len(occluded.words)
    found = np.zeros((count, len(occluded.items)))
    if not found.size:
        return found

    def held(there: np.ndarray) -> np.ndarray:
        gone = [
            [place for group, kept in zip(groups, row, strict=True) if not kept for place in group] for row in there
        ]
        return occluded.held(gone)

    rounds = max(1, ANSWERS // (2 * len(groups) + 1))
    explainer = shap.PermutationExplainer(held, np.zeros((1, len(groups))), seed=seed)
    whole = np.ones((1, len(groups)))
    asked = min(rounds, 20) * (2 * len(groups) + 1)
    said = explainer(whole, max_evals=asked, batch_size=_AT_ONCE, silent=True).values[0]
    for group, row in zip(groups, said.reshape(len(groups), -1), strict=True):
        found[group] = row / len(group)
    return found

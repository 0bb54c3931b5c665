"""How far the labelled texts are like all texts of a project, by what the label names say of both.

People label what they come upon: the first lines of a file that is sorted, the tickets of one morning. How many labels
have a single example (Good 1953) tells how many were never seen only where the labelled texts came by chance. Here the
names say how much of all texts is about labels that were never seen, and how much of the labelled texts would be if
each had come last: what is more is a part of the project of which no label tells. Of labels that came by chance there
is as good as none.
"""

from __future__ import annotations

import numpy as np


def shares(known: np.ndarray) -> np.ndarray:
    """The part of texts of which the names say each label first, (labels,); of what is `known`, (texts, labels)."""
    return np.bincount(known.argmax(axis=1), minlength=known.shape[1]) / len(known)


def elsewhere(pool: np.ndarray, known: np.ndarray, given: np.ndarray) -> float:
    """The part of all texts that is unlike those labelled; 0 where that is not told.

    `pool` are the `shares` of all texts; of the labelled ones it takes what is `known` and which labels were `given`,
    of bool, both (texts, labels).
    """
    counts = given.sum(axis=0)
    never = counts == 0
    if len(given) < 2 or not never.any():
        return 0.0
    named = known.argmax(axis=1)
    own = float((never[named] | (given[np.arange(len(given)), named] & (counts[named] == 1))).mean())
    return max(0.0, float(pool[never].sum()) - own) / max(1.0 - own, 1e-9)

"""A head's best guesses on texts without a label, as if they were labels: what many texts say about few labels.

Self-training with the share of each class held to that of the labels: for each class the guesses with the widest margin
are kept, so that no class takes all (Lee 2013, pseudo-labels; balanced as in the founders' measurements).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

KEPT = 0.3
"""Of the texts."""


class Guesses(NamedTuple):
    """Rows to learn from: joined layers (guesses, width), the champion's say, and the number of the guessed class."""

    rows: np.ndarray
    prior: np.ndarray
    targets: np.ndarray


def guess(rows: np.ndarray, prior: np.ndarray, logits: np.ndarray, labelled: Sequence[int]) -> Guesses:
    """The most certain guesses of each class, as many as its share among the labels (with one more each) allows.

    `logits` (rows, classes) are a head's, `labelled` the classes of the labels.
    """
    classes = logits.shape[1]
    guessed, best = logits.argmax(axis=1), np.partition(logits, -2, axis=1)
    margin = best[:, -1] - best[:, -2]
    counts = np.bincount(labelled, minlength=classes) + 1.0
    kept: list[int] = []
    for number in range(classes):
        there = np.flatnonzero(guessed == number)
        most = max(1, int(KEPT * len(rows) * counts[number] / counts.sum()))
        kept += there[np.argsort(-margin[there])[:most]].tolist()
    return Guesses(rows[kept], prior[kept], guessed[kept])

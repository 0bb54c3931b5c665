"""A linear-chain CRF (Lafferty et al. 2001): from scores of each word's tags, and of what follows what, to chances.

All texts of a batch go through one step together, so that numpy has something to do at each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_LEAST = -60.0  # against a word's best tag: nothing is less likely, so that no product becomes 0


class Said(NamedTuple):
    """`log_total` of all paths; marginals (words, tags); how often what should follow what, (tags, tags)."""

    log_total: float
    marginals: np.ndarray
    pairs: np.ndarray


class Layout:
    """Where the words of texts stand when the texts lie side by side."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = np.asarray(lengths, dtype=int)
        self.longest, self.texts = int(self.lengths.max(initial=0)), len(self.lengths)
        steps = np.concatenate([np.arange(length) for length in self.lengths] or [np.zeros(0, int)])
        self.places = steps * self.texts + np.repeat(np.arange(self.texts), self.lengths)
        self.alive = np.arange(self.longest)[:, None] < self.lengths
        self.starts = (np.cumsum(self.lengths) - self.lengths)[self.lengths > 0]


def both_ways(layout: Layout, scores: np.ndarray, moves: np.ndarray) -> Said:
    """Forward and backward (Rabiner 1989), each step scaled to 1; `scores` are (words of all texts, tags)."""
    tags = len(moves)
    if not len(scores):
        return Said(0.0, np.zeros((0, tags)), np.zeros((tags, tags)))
    top = scores.max(axis=1, keepdims=True)
    flat = np.ones((layout.longest * layout.texts, tags))
    flat[layout.places] = np.exp(np.maximum(scores - top, _LEAST))
    table = flat.reshape(layout.longest, layout.texts, tags)
    follow = np.exp(np.clip(moves, _LEAST / 2, -_LEAST / 2))
    ahead, sums = np.empty_like(table), np.empty(table.shape[:2])
    said = table[0]
    for step in range(layout.longest):
        if step:
            said = (ahead[step - 1] @ follow) * table[step]
        sums[step] = said.sum(axis=1)
        ahead[step] = said / sums[step][:, None]
    behind, pairs = np.ones_like(table), np.zeros((tags, tags))
    for step in range(layout.longest - 2, -1, -1):
        live = layout.alive[step + 1]
        coming = table[step + 1] * behind[step + 1] / sums[step + 1][:, None]
        behind[step] = np.where(live[:, None], coming @ follow.T, 1.0)
        pairs += ahead[step][live].T @ coming[live]
    marginals = (ahead * behind).reshape(-1, tags)[layout.places]
    log_total = float(np.log(sums)[layout.alive].sum() + top.sum())
    return Said(log_total, marginals, pairs * follow)


def log_marginals(lengths: Sequence[int], scores: np.ndarray, moves: np.ndarray, batch: int = 64) -> np.ndarray:
    """The log probability of each tag of each word, (words of all texts, tags); texts of like length go together."""
    found = np.empty_like(scores, dtype=np.float64)
    ends = np.cumsum(lengths)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch):
        chosen = [place for place in order[start : start + batch] if lengths[place]]
        if chosen:
            rows = np.concatenate([np.arange(ends[place] - lengths[place], ends[place]) for place in chosen])
            said = both_ways(Layout([lengths[place] for place in chosen]), scores[rows], moves)
            found[rows] = np.log(np.maximum(said.marginals, 1e-12))
    return found

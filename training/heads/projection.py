"""Few numbers instead of many for each token: centred, each of deviation 1, and their principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

MOST = 384
_BESIDE = 128  # of them for the words beside a word
_ROWS = 4000  # enough to find components; more only take time


@dataclass(frozen=True, slots=True)
class Projection:
    """`(values - centre) @ components`: (width,) and (width, at most `MOST`)."""

    centre: np.ndarray
    components: np.ndarray

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(rows, width) in, (rows, components) out, float32."""
        return np.asarray((values - self.centre) @ self.components, dtype=np.float32)

    def serves(self, values: np.ndarray) -> bool:
        """Whether it is of such rows and has as many components as there can be."""
        rows, width = values.shape
        return self.components.shape == (width, min(MOST, rows, width))


def learn(values: np.ndarray, seed: int = 0) -> Projection:
    """From rows as they come; what comes out is of length 1 in the (quadratic) mean."""
    rows = values
    if len(rows) > _ROWS:
        rows = rows[np.random.default_rng(seed).choice(len(rows), _ROWS, replace=False)]
    rows = rows.astype(np.float32)
    width = rows.shape[1]
    if not len(rows) or not width:
        return Projection(np.zeros(width, np.float32), np.zeros((width, 0), np.float32))
    centre, deviation = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(deviation > 1e-6, 1.0 / np.maximum(deviation, 1e-6), 0.0).astype(np.float32)
    rows = (rows - centre) * scale
    kept = min(MOST, *rows.shape)
    if len(rows) < width:  # the same directions from the smaller of two matrices
        _, other = eigh(rows @ rows.T, subset_by_index=(len(rows) - kept, len(rows) - 1))
        directions = rows.T @ other
        directions /= np.maximum(np.linalg.norm(directions, axis=0), 1e-9)
    else:
        _, directions = eigh(rows.T @ rows, subset_by_index=(width - kept, width - 1))
    components = scale[:, None] * directions[:, ::-1]
    length = float(np.sqrt(np.square(rows @ directions).sum(axis=1).mean()))
    return Projection(centre, np.asarray(components / max(length, 1e-9), dtype=np.float32))


def width_with_neighbours(components: int) -> int:
    """How many numbers `with_neighbours` makes of so many."""
    return components + 2 * min(components, _BESIDE)


def with_neighbours(values: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """Beside each word's numbers the first of the word before and after it in its text, at half weight."""
    most = 0.5 * values[:, :_BESIDE]
    before, after = np.zeros_like(most), np.zeros_like(most)
    before[1:], after[:-1] = most[:-1], most[1:]
    sizes = np.asarray(lengths, dtype=int)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    full = starts < ends
    before[starts[full]] = 0.0
    after[ends[full] - 1] = 0.0
    return np.concatenate([values, before, after], axis=1)

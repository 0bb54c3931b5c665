"""Where the regression of a fast head lives: joined layers, in the directions in which a project's texts differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from labelwheel.training.heads.layered import centre, joined

DIRECTIONS = 256
"""Of 1,152: on SNIPS and TREC a regression in 192 is as good as in all from 16 to 256 labels, and takes a third."""

MOST = 2_000
"""So many texts say which directions these are."""


@dataclass(frozen=True, eq=False)
class Space:
    """`common` (layers, width) as in `heads.layered`, `basis` (layers · width, directions), orthonormal."""

    width: int
    common: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, width: int) -> Space:
        """Of some texts (texts, all features), of whose features the champion's own head reads the first `width`."""
        from scipy.linalg import eigh

        some = np.asarray(features[:MOST], dtype=np.float32)
        common = centre(some, width)
        rows = joined(some, width, common)
        size = rows.shape[1]
        most = min(DIRECTIONS, size)
        options: dict[str, Any] = {"subset_by_index": [size - most, size - 1]}
        _, directions = eigh(rows.T @ rows, **options)
        return cls(width, common.astype(np.float32), np.ascontiguousarray(directions, dtype=np.float32))

    def rows(self, features: np.ndarray) -> np.ndarray:
        """Texts (texts, all features) in it, (texts, directions)."""
        return joined(features, self.width, self.common) @ self.basis

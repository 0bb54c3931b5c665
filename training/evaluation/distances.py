"""How far answers are apart, for all pairs of them at once: the sums that chance-corrected agreement is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import cast

import numpy as np

from labelwheel.training.kinds.coding import Distance


class Distances(ABC):
    """The distances of some distinct values, numbered; 0 of each to itself."""

    @abstractmethod
    def between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Those of pairs of values, by their numbers: (pairs,) and (pairs,) to (pairs,)."""

    @abstractmethod
    def total(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The sum over all pairs of what two tables of counts (…, values) hold: (…,)."""


class _Nominal(Distances):
    def between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        return (some != others).astype(np.float64)

    def total(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.asarray(left.sum(-1) * right.sum(-1) - (left * right).sum(-1))


class _Squared(Distances):
    """Of places on a line."""

    def __init__(self, places: np.ndarray) -> None:
        self._places = places - places.mean()  # far from zero the sums below would lose their digits

    def between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        return np.asarray((self._places[some] - self._places[others]) ** 2)

    def total(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        places, squares = self._places, self._places**2
        return np.asarray(
            (left @ squares) * right.sum(-1) + (right @ squares) * left.sum(-1) - 2 * (left @ places) * (right @ places)
        )


class _Table(Distances):
    def __init__(self, table: np.ndarray) -> None:
        self._table = table

    def between(self, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        return np.asarray(self._table[some, others])

    def total(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return np.asarray(((left @ self._table) * right).sum(-1))


def distances(distance: Distance, values: Sequence[Hashable], counts: np.ndarray) -> Distances:
    """Those of distinct values; `counts` says how often each was given, on which ordinal distances rest.

    Two values of a scale of ranks are as far apart as answers lie between them, with half of their own (Krippendorff
    2011): squared differences of mid-ranks. Sets are compared by MASI (Passonneau 2006): to choose less than somebody
    else is nearer than to choose otherwise, which Jaccard's distance does not tell apart.
    """
    if distance is Distance.NOMINAL:
        return _Nominal()
    if distance is Distance.SETS:
        return _Table(masi(cast(Sequence[frozenset[str]], values)))
    places = np.array(values, dtype=np.float64)
    if distance is Distance.ORDINAL:
        order = np.argsort(places)
        ranks = np.empty(len(places))
        ranks[order] = np.cumsum(counts[order]) - counts[order] / 2
        places = ranks
    return _Squared(places)


def masi(values: Sequence[frozenset[str]]) -> np.ndarray:
    """MASI distances of sets, (values, values); two empty sets are the same."""
    names = {name: place for place, name in enumerate(sorted({name for value in values for name in value}))}
    has = np.zeros((len(values), len(names)), dtype=np.float64)
    for row, value in zip(has, values, strict=True):
        row[[names[name] for name in value]] = 1.0
    shared, sizes = has @ has.T, has.sum(1)
    union = sizes[:, None] + sizes[None, :] - shared
    smaller = np.minimum(sizes[:, None], sizes[None, :])
    alike = np.select([shared == union, shared == smaller, shared > 0], [1.0, 2 / 3, 1 / 3], 0.0)
    jaccard = np.divide(shared, union, out=np.ones_like(shared), where=union > 0)
    return np.asarray(1.0 - jaccard * alike)

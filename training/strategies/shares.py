"""One process's part of each batch, where a training is split: the batches stay those that one process would have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labelwheel.training.ranks.place import Place


class Shares:
    """A batch sampler of torch's loader over the order of one epoch after the other, in batches of `size` examples.

    Each process takes every one of a batch in turn, in parts of at most `part`. Where it does not divide, some have one
    example less, and an empty part where that was their last: all take as many steps.
    """

    def __init__(self, order: Iterable[int], length: int, size: int, part: int, place: Place) -> None:
        self._order, self._length, self._size = order, length, size
        self._place, self._most = place, _up(size, place.total)
        self.part = min(part, self._most)
        self.parts = _up(self._most, self.part)

    def __len__(self) -> int:
        whole, rest = divmod(self._length, self._size)
        return whole * self.parts + _up(_up(rest, self._place.total), self.part)

    def __iter__(self) -> Iterator[list[int]]:
        drawn = list(self._order)
        for start in range(0, len(drawn), self._size):
            rows = drawn[start : start + self._size]
            mine = rows[self._place.number :: self._place.total]
            for cut in range(0, _up(len(rows), self._place.total), self.part):
                yield mine[cut : cut + self.part]


def _up(count: int, by: int) -> int:
    return -(-count // by)

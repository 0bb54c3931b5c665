"""Any example as likely as any other: what people see is what there is, and every estimate from it is honest."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable

from labelwheel.backend.suggestions.uncertainty import Considered, considered
from labelwheel.plugins.capabilities import Candidate


class Drawn:
    """A draw among candidates, in bounded memory. An example keeps its lot: what was next stays next."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._best: list[tuple[int, Considered]] = []

    def see(self, candidate: Candidate) -> None:
        """One more."""
        if self._most < 1:
            return
        entry = (-lot(candidate.key), considered(candidate))
        if len(self._best) < self._most:
            heapq.heappush(self._best, entry)
        else:
            heapq.heappushpop(self._best, entry)

    def ordered(self) -> list[Considered]:
        """The first first."""
        return [each for _, each in sorted(self._best, key=lambda entry: -entry[0])]


def order(candidates: Iterable[Candidate], most: int) -> list[str]:
    """The keys of at most so many."""
    drawn = Drawn(most)
    for candidate in candidates:
        drawn.see(candidate)
    return [each.key for each in drawn.ordered()]


def lot(key: str) -> int:
    """A number that says nothing about the example, nor on which side of the split it is."""
    return int.from_bytes(hashlib.sha256(f"order {key}".encode()).digest()[:8], "big")

"""What the model is least sure of first, each next one the less the more it resembles one that came before.

A hundred variants of one hard text teach little.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from labelwheel.backend.suggestions.so_far import NOTHING, SoFar
from labelwheel.plugins.capabilities import Candidate

CONSIDERED = 1000
WORD = re.compile(r"\w+")
ALIKE = 0.5
"""How much two texts resemble each other that are suggested the same answers and share no word."""


class Considered(NamedTuple):
    """A candidate as it is compared: how unsure its suggestions are, what they say, and the words of its text."""

    unsure: float
    key: str
    answers: tuple[str, ...]
    words: frozenset[str]

    @property
    def score(self) -> float:
        """That of its least sure part."""
        return 1.0 - self.unsure


class Best:
    """The candidates with the highest rank, in bounded memory, in whatever order they come."""

    def __init__(self, most: int, rank: Callable[[Considered], float]) -> None:
        self._most, self._rank = most, rank
        self._heap: list[tuple[float, Considered]] = []

    def see(self, candidate: Considered) -> None:
        """One more."""
        entry = (self._rank(candidate), candidate)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def ordered(self) -> list[Considered]:
        """The highest first."""
        return [candidate for _, candidate in sorted(self._heap, reverse=True)]


def least_sure() -> Best:
    """What the model is least sure of, as far as it is compared at all."""
    return Best(CONSIDERED, lambda candidate: candidate.unsure)


def spread(left: Sequence[Considered], most: int) -> list[Considered]:
    """At most so many of these, the first first."""
    nearest = [0.0] * len(left)
    chosen: list[Considered] = []
    open_ = set(range(len(left)))
    while open_ and len(chosen) < most:
        first = max(open_, key=lambda number: (left[number].unsure * (1.0 - nearest[number]), -number))
        open_.remove(first)
        chosen.append(left[first])
        for number in open_:
            nearest[number] = max(nearest[number], resemblance(left[first], left[number]))
    return chosen


def order(candidates: Iterable[Candidate], most: int, so_far: SoFar = NOTHING) -> list[Considered]:
    """At most so many."""
    unsure = least_sure()
    for candidate in candidates:
        unsure.see(considered(candidate))
    return spread(unsure.ordered(), most)


def considered(candidate: Candidate) -> Considered:
    words = frozenset(WORD.findall(candidate.text.lower()))
    return Considered(1.0 - candidate.score, candidate.key, candidate.answers, words)


def resemblance(one: Considered, other: Considered) -> float:
    """From 0 to 1: words in common, and the same answers suggested."""
    alike = ALIKE if one.answers == other.answers else 0.0
    return alike + (1.0 - alike) * shared_words(one, other)


def shared_words(one: Considered, other: Considered) -> float:
    """From 0 to 1: the part of all their words that both have."""
    return len(one.words & other.words) / (len(one.words | other.words) or 1)

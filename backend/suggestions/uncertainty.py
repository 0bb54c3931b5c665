"""What the model is least sure of first, each next one the less the more it resembles one that came before.

A hundred variants of one hard text teach little.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from typing import NamedTuple

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


class LeastSure:
    """The candidates that the model is least sure of, in bounded memory, in whatever order they come."""

    def __init__(self) -> None:
        self._best: list[Considered] = []

    def see(self, candidate: Candidate) -> None:
        """One more."""
        if len(self._best) < CONSIDERED:
            heapq.heappush(self._best, considered(candidate))
        else:
            heapq.heappushpop(self._best, considered(candidate))

    def ordered(self, most: int) -> list[Considered]:
        """At most so many, the first first."""
        left = sorted(self._best, reverse=True)
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


def order(candidates: Iterable[Candidate], most: int) -> list[str]:
    """The keys of at most so many."""
    seen = LeastSure()
    for candidate in candidates:
        seen.see(candidate)
    return [each.key for each in seen.ordered(most)]


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

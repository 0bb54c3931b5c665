"""The order in which people should see the examples: which ones help most. How it is shown, a connector knows.

What the model is least sure of comes first, each next one the less the more it resembles one that came before: a
hundred variants of one hard text teach little.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable
from typing import NamedTuple

from labelwheel.plugins.capabilities import Candidate, Ranks
from labelwheel.plugins.connector import Connector

RANKED = 200
"""So many have a place: more than are answered before the next version orders them anew."""
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


def show(connector: Connector) -> None:
    """Has a tool that can show an order show the one that helps most now. Raises ToolError."""
    if isinstance(connector, Ranks):
        connector.rank(order(connector.candidates()))


def order(candidates: Iterable[Candidate]) -> list[str]:
    """Keys of the examples that help most, the first first; in bounded memory, and in whatever order they come."""
    best: list[Considered] = []
    for candidate in candidates:
        if len(best) < CONSIDERED:
            heapq.heappush(best, considered(candidate))
        else:
            heapq.heappushpop(best, considered(candidate))
    left = sorted(best, reverse=True)
    nearest = [0.0] * len(left)
    chosen: list[str] = []
    open_ = set(range(len(left)))
    while open_ and len(chosen) < RANKED:
        first = max(open_, key=lambda number: (left[number].unsure * (1.0 - nearest[number]), -number))
        open_.remove(first)
        chosen.append(left[first].key)
        for number in open_:
            nearest[number] = max(nearest[number], resemblance(left[first], left[number]))
    return chosen


def considered(candidate: Candidate) -> Considered:
    words = frozenset(WORD.findall(candidate.text.lower()))
    return Considered(1.0 - candidate.score, candidate.key, candidate.answers, words)


def resemblance(one: Considered, other: Considered) -> float:
    """From 0 to 1: words in common, and the same answers suggested."""
    shared = len(one.words & other.words) / (len(one.words | other.words) or 1)
    alike = ALIKE if one.answers == other.answers else 0.0
    return alike + (1.0 - alike) * shared

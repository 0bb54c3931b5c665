"""What seems to be of a class with few labels so far, class by class in turns: the one with the fewest labels first.

A class that is seldom suggested has few labels for long, and a model that has seen none of it never suggests it. Of a
class without a label the surest comes first, which is most likely one of it; then what the model is least sure of.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from labelwheel.backend.suggestions.so_far import NOTHING, SoFar
from labelwheel.backend.suggestions.uncertainty import Best, Considered, considered
from labelwheel.plugins.capabilities import Candidate

PER_CLASS = 30
SUREST = 3
CLASSES = 2000


class _Suggested:
    """The candidates that are suggested one class, in bounded memory."""

    def __init__(self) -> None:
        self.count = 0
        self._surest, self._least_sure = Best(SUREST, lambda each: -each.unsure), Best(PER_CLASS, _unsure)

    def see(self, candidate: Considered) -> None:
        self.count += 1
        self._surest.see(candidate)
        self._least_sure.see(candidate)

    def queues(self) -> tuple[list[Considered], list[Considered]]:
        """The surest of them, and those that the model is least sure of, each with the next one at its end."""
        return self._surest.ordered()[::-1], self._least_sure.ordered()[::-1]


class Rare:
    """The candidates of each class that is suggested, in whatever order they come; `given`: labels of each class."""

    def __init__(self, given: Mapping[str, int]) -> None:
        self._given = given
        self._found: dict[str, _Suggested] = {}

    def see(self, candidate: Considered) -> None:
        """One more."""
        for answer in candidate.answers:
            if answer not in self._found:
                if len(self._found) == CLASSES:
                    continue
                self._found[answer] = _Suggested()
            self._found[answer].see(candidate)

    def ordered(self, most: int) -> list[Considered]:
        """At most so many, each once. One that is suggested two classes counts for both."""
        queues = {answer: found.queues() for answer, found in self._found.items()}
        # of two classes with as many labels the one that is suggested less often is rarer
        due = [(self._given.get(answer, 0), found.count, answer) for answer, found in self._found.items()]
        heapq.heapify(due)
        chosen: dict[str, Considered] = {}
        while due and len(chosen) < most:
            labels, suggested, answer = heapq.heappop(due)
            surest, least_sure = queues[answer]
            one = _next(surest if labels == 0 else least_sure, chosen)
            if one is not None:
                chosen[one.key] = one
                heapq.heappush(due, (labels + 1, suggested, answer))
        return list(chosen.values())


def _next(queue: list[Considered], chosen: Mapping[str, Considered]) -> Considered | None:
    """The last of a queue that was not chosen, taken out of it."""
    while queue and queue[-1].key in chosen:
        queue.pop()
    return queue.pop() if queue else None


def _unsure(candidate: Considered) -> float:
    return candidate.unsure


def order(candidates: Iterable[Candidate], most: int, so_far: SoFar = NOTHING) -> list[Considered]:
    """At most so many; what there are too many of, or is suggested no class, comes last."""
    found, others = Rare(so_far.classes), Best(2 * most, _unsure)
    for each in map(considered, candidates):
        found.see(each)
        others.see(each)
    first = found.ordered(most)
    known = {each.key for each in first}
    return [*first, *(each for each in others.ordered() if each.key not in known)][:most]

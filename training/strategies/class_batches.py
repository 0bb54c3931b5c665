"""Which texts are tuned by contrast together: several of each of some classes, and what the classes are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Tokens = Sequence[int]


@dataclass(frozen=True)
class Classes:
    """The texts of each class that has some, and what classes are called, as tokens; no names where they mislead."""

    texts: Mapping[int, Sequence[Tokens]]
    names: Mapping[int, Tokens]

    def batches(self, size: int, seed: int) -> Iterator[tuple[list[Tokens], list[int]]]:
        """Texts with their classes, without an end: as many of each of some classes, and their names or all."""
        chance = np.random.default_rng(seed)
        there = sorted(self.texts)
        while True:
            some = [there[place] for place in chance.permutation(len(there))[: max(2, size // _TOGETHER)]]
            most = max(_TOGETHER // 2, size // len(some))
            rows, numbers = list[Tokens](), list[int]()
            for number in some:
                texts = self.texts[number]
                chosen = [texts[place] for place in chance.permutation(len(texts))[:most]]
                rows, numbers = rows + chosen, numbers + [number] * len(chosen)
            named = self.names if len(self.names) <= size // 2 else set(some)
            for number in sorted(set(named) & set(self.names)):
                rows.append(self.names[number])
                numbers.append(number)
            yield rows, numbers


_TOGETHER = 4
"""So many texts of a class are in a batch where classes are too many for more."""

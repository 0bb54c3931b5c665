"""Features of the tokens of a question's examples in memory, within bounds: each token has thousands of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.backend.revisions.features import AT_ONCE, Features
from labelwheel.backend.revisions.seen_examples import SeenExamples
from labelwheel.training.questions import Example, Prediction

ROOM = 200_000_000
"""Bytes, for one question: some 80,000 tokens of three layers of 384."""

LONGEST = 8_000
"""Characters of a text; nothing is known of longer ones."""

_CHARACTERS = 16_000  # at once: some 4,000 tokens, a body of 12 MB


class Tokens(NamedTuple):
    """Of each window of a text: its tokens' places, and their layers (tokens, layers · width) in half precision.

    And what the champion answers to the whole.
    """

    offsets: list[list[tuple[int, int]]]
    features: list[np.ndarray]
    answer: Prediction

    @property
    def bytes(self) -> int:
        """What it takes; a place as much as two objects."""
        return sum(one.nbytes for one in self.features) + sum(120 * len(one) for one in self.offsets)


class SeenTokens(SeenExamples[Tokens]):
    """See `SeenExamples`. Where there is no more room, what was fetched first is not known any more."""

    room = ROOM

    def fetch(self, examples: Sequence[Example]) -> bool:
        asking, characters = list[Example](), 0
        for one in examples:
            size = len(self._question.text(one))
            if size > LONGEST:
                self._known[self._question.texts(one)] = None
                continue
            if asking and (characters + size > _CHARACTERS or len(asking) == AT_ONCE):
                break
            characters += size
            asking.append(one)
        if asking and not super().fetch(asking):
            return False
        used = sum(said.bytes for said in self._known.values() if said is not None)
        for texts, said in self._known.items():
            if used <= self.room:
                break
            if said is not None:
                self._known[texts] = None
                used -= said.bytes
        return True

    def _said(self, found: Features, rows: list[int]) -> Tokens | None:
        if not rows:
            return None
        width = found.champion.width
        offsets = [[(start, end) for start, end in found.offsets[row].tolist()] for row in rows]
        behind = [found.features[row] for row in rows]
        # copies: a view would keep all that came with it
        layers = [one[:, width if one.shape[1] > width else 0 :].astype(np.float16) for one in behind]
        return Tokens(offsets, layers, found.answers[int(found.places[rows[0], 0])])

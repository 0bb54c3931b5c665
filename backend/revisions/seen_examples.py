"""Features of a question's examples in memory, fetched from the web process once for each text and champion."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

import numpy as np

from labelwheel.backend.revisions.features import AT_ONCE, Champion, Features, FeatureSource, asked, unpack_features
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Example, Question

Said = tuple[np.ndarray, np.ndarray]
"""Of each side of an example: features (sides, width) and the champion's logits (sides, outputs)."""

S = TypeVar("S")


class SeenExamples(ABC, Generic[S]):
    """What one champion's encoder says of examples of one question; of those without a text nothing."""

    def __init__(self, source: FeatureSource, project_id: int, question: Question, version: str) -> None:
        self._source, self._project, self._question, self._version = source, project_id, question, version
        self._known: dict[tuple[str, ...], S | None] = {}
        self.champion: Champion | None = None

    def lacking(self, examples: Iterable[Example]) -> list[Example]:
        """Those of which nothing is known yet, each text once."""
        found = {texts: one for one in examples if (texts := self._question.texts(one)) not in self._known}
        return list(found.values())

    def fetch(self, examples: Sequence[Example]) -> bool:
        """Asks about at most `AT_ONCE` of them; False where another champion is served. Raises LabelwheelError."""
        asking = list(examples[:AT_ONCE])
        found = self.ask(asking)
        if found.champion.version != self._version:
            return False
        self.champion = found.champion
        rows: dict[int, list[int]] = {}
        for row, (place, _) in enumerate(found.places.tolist()):
            rows.setdefault(place, []).append(row)
        for place, example in enumerate(asking):
            mine = sorted(rows.get(place, []), key=lambda row: int(found.places[row, 1]))
            self._known[self._question.texts(example)] = self._said(found, mine)
        return True

    def ask(self, examples: Sequence[Example]) -> Features:
        """Features of any texts, also of what is no example."""
        return unpack_features(self._source.features(self._project, self._question.name, asked(examples)))

    def of(self, example: Example) -> S | None:
        """What is known; None where it has no text, or was not asked about."""
        return self._known.get(self._question.texts(example))

    @property
    def count(self) -> int:
        """Of how many texts something is known."""
        return len(self._known)

    def keep(self, examples: Iterable[Example]) -> None:
        """Forgets all others."""
        wanted = {self._question.texts(example) for example in examples}
        self._known = {texts: said for texts, said in self._known.items() if texts in wanted}

    @abstractmethod
    def _said(self, found: Features, rows: list[int]) -> S | None:
        """What is kept of the rows of one example, in their order."""


class SeenTexts(SeenExamples[Said]):
    """Of whole texts."""

    def _said(self, found: Features, rows: list[int]) -> Said | None:
        if len(rows) != kind_of(self._question).sides:
            return None
        return np.stack([found.features[row] for row in rows]), np.stack([found.logits[row] for row in rows])

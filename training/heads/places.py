"""Labelled examples as a regression reads them, computed once: with thousands of labels the next one costs itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelwheel.training.heads.seen import Seen
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.kinds.base import QuestionKind


class Places:
    """Of one space and one standing. It knows the examples of the last call again, as long as they are the very same
    objects; it is for one thread at a time."""

    def __init__(self, kind: QuestionKind, labels: tuple[str, ...], standing: Standing, space: Space) -> None:
        self.space, self.standing = space, standing
        self._kind, self._labels = kind, labels
        self._found: dict[int, tuple[Seen, np.ndarray, np.ndarray]] = {}

    def of(self, seen: Sequence[Seen]) -> tuple[np.ndarray, np.ndarray]:
        """Each encoding in the space (encodings, directions), and what was known before (encodings, labels)."""
        new = [one for one in seen if id(one) not in self._found]
        if new:
            rows, known = self._computed(new)
            ends = np.cumsum([len(one.features) for one in new])[:-1]
            for one, *parts in zip(new, np.split(rows, ends), np.split(known, ends), strict=True):
                self._found[id(one)] = one, parts[0], parts[1]
        self._found = {id(one): self._found[id(one)] for one in seen}
        found = list(self._found.values())
        return np.concatenate([rows for _, rows, _ in found]), np.concatenate([known for _, _, known in found])

    def _computed(self, seen: Sequence[Seen]) -> tuple[np.ndarray, np.ndarray]:
        features = np.concatenate([one.features for one in seen])
        logits = np.concatenate([one.logits for one in seen])
        return self.space.rows(features), self.standing.prior(self._kind, features, logits, self._labels)

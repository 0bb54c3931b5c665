"""The labelled examples that lie nearest to a text, by the cosine of what a frozen encoder reads in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import LabelledExample

SHORT = 200
"""So many characters of a text are shown."""

_ROWS = 512  # at once: what is compared with all labels in one product


class Neighbour(NamedTuple):
    """The place of a labelled example, and how near it is: a cosine."""

    place: int
    cosine: float


class Nearest:
    """Finds the nearest of labelled examples; `rows` (examples, width) has one for each, as `whole` makes it."""

    def __init__(self, rows: np.ndarray) -> None:
        self._unit = _unit(rows)

    def nearest(self, rows: np.ndarray, count: int = 3, own: Sequence[int] | None = None) -> list[list[Neighbour]]:
        """At most `count` for each of some rows (texts, width), the nearest first; of equally near ones the first.

        `own` names the place of each row that is a labelled example itself, which is no neighbour of its own.
        """
        found: list[list[Neighbour]] = []
        for start in range(0, len(rows), _ROWS):
            cosines = _unit(rows[start : start + _ROWS]) @ self._unit.T
            if own is not None:
                there = list(own[start : start + _ROWS])
                cosines[np.arange(len(there)), there] = -np.inf
            for each in cosines:
                places = np.argsort(-each, kind="stable")[:count].tolist()
                found.append([Neighbour(place, float(each[place])) for place in places if np.isfinite(each[place])])
        return found

    def of(self, places: Sequence[int], count: int = 3) -> list[list[Neighbour]]:
        """The nearest others of some of the labelled examples."""
        return self.nearest(self._unit[list(places)], count, places)


def whole(count: int, encodings: Sequence[Encoding], features: Sequence[np.ndarray]) -> np.ndarray:
    """A row for each of `count` examples, (count, width): the mean over its tokens and windows.

    Of comparisons the two sides stand side by side. `features[i]`, (width,) or (tokens, width), is of `encodings[i]`.
    """
    sides = 1 + max((row.side for row in encodings), default=0)
    width = features[0].shape[-1] if len(features) else 0
    sums, counts = np.zeros((count, sides, width)), np.zeros((count, sides, 1))
    for row, said in zip(encodings, features, strict=True):
        tokens = said.reshape(-1, width)
        sums[row.example, row.side] += tokens.sum(axis=0)
        counts[row.example, row.side] += len(tokens)
    return (sums / np.maximum(counts, 1)).reshape(count, sides * width)


def shown(question: Question, rows: Sequence[LabelledExample], found: Sequence[Neighbour]) -> list[dict[str, Any]]:
    """Neighbours for people, as JSON: key, a short text, what people answered, and how near it is."""
    return [
        {
            "key": rows[one.place].example.key,
            "text": short(question, rows[one.place].example),
            "answer": rows[one.place].answer,
            "cosine": round(one.cosine, 3),
        }
        for one in found
    ]


def short(question: Question, example: Example) -> str:
    """The beginning of its text, on one line."""
    text = " ".join(question.text(example).split())
    return text if len(text) <= SHORT else text[: SHORT - 1].rstrip() + "…"


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))

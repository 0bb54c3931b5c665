"""The labelled examples that are nearest to a text, as the champion's encoder sees it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from labelwheel.backend.serving import guard
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.predictor import ServedQuestion
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.evaluation.neighbours import Nearest, whole
from labelwheel.training.questions import Example
from labelwheel.training.spec import LabelledExample

COUNT = 3

KEPT = 20_000
"""Directions of so many texts are kept, in half precision: 15 MB of a small encoder."""

_AT_ONCE = 64

Labelled = Callable[[int, str], Sequence[LabelledExample]]
"""The labelled examples of a project's question that the model may have learnt from, the newest first."""


@dataclass(frozen=True)
class Neighbour:
    """A labelled example, and the cosine of its features with those of the text that was asked about."""

    row: LabelledExample
    likeness: float


@dataclass(frozen=True)
class Neighbours:
    """The nearest first, out of so many that were compared."""

    nearest: Sequence[Neighbour]
    among: int


NO_NEIGHBOURS = Neighbours((), 0)


@dataclass(frozen=True)
class Compared:
    """Labelled examples with what the encoder reads in each, (labels, features), and in the text asked about."""

    rows: Sequence[LabelledExample]
    features: np.ndarray
    own: np.ndarray


def nearest(compared: Compared | None) -> Neighbours:
    """The nearest of them."""
    if compared is None:
        return NO_NEIGHBOURS
    [near] = Nearest(compared.features).nearest(compared.own[None], COUNT)
    return Neighbours([Neighbour(compared.rows[one.place], one.cosine) for one in near], len(compared.rows))


class NearestLabels:
    """Finds them. What was read of a text is kept, so that the second question costs next to nothing."""

    def __init__(self, queue: InferenceQueue, labelled: Labelled, max_characters: int) -> None:
        self._queue, self._labelled, self._max_characters = queue, labelled, max_characters
        self._known: OrderedDict[tuple[str, ...], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def compare(self, project: int, member: ServedQuestion, example: Example, deadline: float) -> Compared | None:
        """As many labels as can be read until half of the time is gone; None where the model shows no features.

        The example itself is not among them, and of equal texts each has its place. Raises Overloaded.
        """
        if member.model.width is None:
            return None
        [own] = self._directions(member, [example], deadline)
        if own is None:
            return None
        rows = [row for row in self._labelled(project, member.question.name) if row.example.key != example.key]
        end = time.monotonic() + (deadline - time.monotonic()) / 2
        found, compared = list[np.ndarray](), list[LabelledExample]()
        for start in range(0, len(rows), _AT_ONCE):
            if time.monotonic() > end:
                break
            piece = rows[start : start + _AT_ONCE]
            for row, one in zip(piece, self._directions(member, [row.example for row in piece], deadline), strict=True):
                if one is not None and one.shape == own.shape:  # of a comparison both sides have to be there
                    found.append(one)
                    compared.append(row)
        return Compared(compared, np.stack(found), own) if found else None

    def _directions(
        self, member: ServedQuestion, examples: Sequence[Example], deadline: float
    ) -> list[np.ndarray | None]:
        """What the champion's own head reads of each example, (features,); None where there is nothing to read."""
        given = [guard.encodable(example) for example in examples]
        keys = [(member.model.encoder.name, member.model.reading, *member.question.texts(each)) for each in given]
        with self._lock:
            known = {key: self._known[key] for key in keys if key in self._known}
        lacking = {
            key: example
            for key, example in zip(keys, given, strict=True)
            if key not in known and guard.readable(member.question, example, self._max_characters)
        }
        if lacking:
            rows = member.model.encode(member.question, list(lacking.values()))
            waiting = self._queue.submit(member.model.encoder, rows, Priority.BULK, deadline)
            said = waiting.result(max(0.0, deadline - time.monotonic()) + 1.0)
            features = [one[..., : member.model.width] for one in said]
            read = whole(len(lacking), rows, features).astype(np.float16)
            fresh: dict[tuple[str, ...], np.ndarray] = {key: read[place] for place, key in enumerate(lacking)}
            known |= fresh
            with self._lock:
                self._known.update(fresh)
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
        return [known.get(key) for key in keys]

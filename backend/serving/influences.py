"""The labels that moved an answer most, by a regression on what the champion's encoder reads in them.

It stands beside the model and is fitted to the labels that were compared: for a choice, several labels, a rating.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from labelwheel.backend.serving.nearest import Compared
from labelwheel.backend.serving.predictor import ServedQuestion
from labelwheel.training.evaluation.representers import Representers
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Prediction
from labelwheel.training.spec import LabelledExample

LEAST = 10
"""Of fewer labels nothing is learnt that could be told."""

CLASSES = 100
"""Of more, a regression takes too long for somebody who waits."""

KEPT = 8
"""Regressions are kept for so many states of labels and checkpoints: 2,000 labels of 384 features take 6 MB."""


@dataclass(frozen=True)
class Influence:
    """A labelled example, and its part of all that moves an item, from -1 to 1; below 0 it speaks against it."""

    item: str
    row: LabelledExample
    share: float


@dataclass(frozen=True)
class Influences:
    """Of each item the labels for it first, then those against it; `unsaid` is why, if there are none."""

    labels: Sequence[Influence] = ()
    unsaid: str | None = None


NO_INFLUENCES = Influences()


class InfluentialLabels:
    """Finds them; a regression is fitted once for a checkpoint and a state of the labels."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, ...], Representers] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, member: ServedQuestion, compared: Compared | None, said: Prediction) -> Influences:
        """Takes a second or so where labels are new."""
        if said.answer is None:
            return NO_INFLUENCES
        if not kind_of(member.question).told_by_labels:
            return Influences(unsaid=f"which labels moved an answer cannot be said of the kind {member.question.kind}")
        if compared is None or len(compared.rows) < LEAST:
            return Influences(unsaid=f"with fewer than {LEAST} labels it cannot be said which of them moved an answer")
        items = said.answer if isinstance(said.answer, list) else [said.answer]
        if not items:
            return NO_INFLUENCES
        if len({json.dumps(row.answer) for row in compared.rows if not isinstance(row.answer, list)}) > CLASSES:
            return Influences(
                unsaid=f"with more than {CLASSES} answers it takes too long to say which labels moved one"
            )
        found = self._fitted(member, compared)
        labels = [
            Influence(str(item), compared.rows[place], share)
            for item in items
            for place, share in found.moved(str(item), compared.own)
        ]
        if not labels:
            return Influences(
                unsaid="the regression that tells which labels moved an answer would answer otherwise than the model"
            )
        return Influences(labels)

    def _fitted(self, member: ServedQuestion, compared: Compared) -> Representers:
        state = hashlib.blake2b(compared.features.tobytes(), digest_size=16)
        state.update(json.dumps([row.answer for row in compared.rows]).encode())
        key = member.model.encoder.name, member.model.reading, member.question.digest, state.hexdigest()
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = Representers(compared.features, [row.answer for row in compared.rows])
        with self._lock:
            self._known[key] = found
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found

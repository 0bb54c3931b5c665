"""A set of texts with what all ways of learning read of it: features that are computed once, and what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from benchmarks.labels.layers import pooled
from benchmarks.rounds import Stage
from labelwheel.training.heads.layered import centre, joined, unit
from labelwheel.training.heads.space import Space
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies.label_names import SHARPNESS, names_head

LENGTH = 128


class Field:
    """A stage; `pool` are the places that may be looked at, with labels or without."""

    def __init__(self, stage: Stage, pool: Sequence[int]) -> None:
        self.stage, self.pool = stage, pool
        self.classes = len(stage.id2label)

    def embed(self) -> None:
        """Computes all features, so that no method is charged for what all of them read."""
        for name in ("last", "layers", "space", "named", "names_logits"):
            getattr(self, name)

    @cached_property
    def gold(self) -> np.ndarray:
        """The number of each text's label, (texts,), or where any number may be right 0 and 1, (texts, labels)."""
        place = {label: number for number, label in self.stage.id2label.items()}
        if self.exclusive:
            return np.array([place[str(row.answer)] for row in self.stage.rows])
        found = np.zeros((len(self.stage.rows), self.classes), dtype=int)
        for number, row in enumerate(self.stage.rows):
            found[number, [place[label] for label in self.stage.kind.labels(self.stage.question, row.answer)]] = 1
        return found

    @property
    def exclusive(self) -> bool:
        """Whether exactly one label is right."""
        return self.stage.kind.exclusive

    @property
    def width(self) -> int:
        """How many features the encoder's own head reads."""
        return len(self.stage.features[0])

    @cached_property
    def last(self) -> np.ndarray:
        """The last layer's mean, of length 1."""
        return unit(np.stack(self.stage.features))

    @cached_property
    def whole(self) -> np.ndarray:
        """The last layer's mean, and behind it several layers', as the layered encoder gives them."""
        means = pooled(self.stage.base, self.stage.encodings, self.stage.tokenizer.pad_token_id)
        return np.concatenate([np.stack(self.stage.features), means.reshape(len(means), -1)], axis=1)

    @cached_property
    def layers(self) -> np.ndarray:
        """Several layers' means, centred on the pool, of length 1."""
        return joined(self.whole, self.width, centre(self.whole[list(self.pool)], self.width))

    @cached_property
    def space(self) -> Space:
        """Where the fast lane's heads live."""
        return Space.of(self.whole[list(self.pool)], self.width)

    @cached_property
    def named(self) -> np.ndarray:
        """How near each text is to what each label is called."""
        assert self.stage.said is not None
        return SHARPNESS * self.last @ self.stage.said[0].T

    @cached_property
    def names_logits(self) -> np.ndarray:
        """What a checkpoint says that knows the label names alone."""
        assert self.stage.said is not None
        head = names_head(self.stage.said[0], self.stage.kind)
        return np.stack(self.stage.features) @ (head.weight / self.stage.said[1]).T + head.bias

    def decode(
        self, places: Sequence[int], logits: np.ndarray, calibration: Mapping[str, float] | None = None
    ) -> list[Prediction]:
        """What people are shown for some texts, from logits (texts of `places`, labels)."""
        stage = self.stage
        examples = [stage.rows[place].example for place in places]
        encodings = [replace(stage.encodings[place], example=number) for number, place in enumerate(places)]
        values = list(np.asarray(logits, dtype=np.float32))
        return stage.kind.decode(stage.question, examples, encodings, values, stage.id2label, calibration or {})

    def score(self, places: Sequence[int], said: Sequence[Prediction]) -> float:
        """The kind's metric on some texts: accuracy, or micro F1 of several labels."""
        kind, question = self.stage.kind, self.stage.question
        rows = [self.stage.rows[place] for place in places]
        return kind.headline(
            [kind.score(question, row.example, row.answer, one) for row, one in zip(rows, said, strict=True)]
        )

    def right(self, places: Sequence[int], said: Sequence[Prediction]) -> float:
        """The share of some texts whose suggestion needed no change."""
        rows = [self.stage.rows[place] for place in places]
        losses = [
            self.stage.kind.score(self.stage.question, row.example, row.answer, one).loss
            for row, one in zip(rows, said, strict=True)
        ]
        return float(np.mean([loss == 0 for loss in losses]))

"""A checkpoint whose answers come from a head on several of its layers, in the place of its last one.

A newer head than the champion's is one, and so is the head that lies beside a checkpoint of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelwheel.backend.serving.engine import Loaded
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads.base import FastHead
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question


class Headed:
    """Keeps the protocol of `engine.Loaded`: the rows and weights of what is `below`, other answers.

    Raises InvalidCheckpoint where that keeps its layers to itself.
    """

    def __init__(self, below: Loaded, head: FastHead, version: str) -> None:
        encoder = below.encoder.layered
        if encoder is None:
            raise InvalidCheckpoint(f"{below.version} keeps its layers to itself: no other head can stand on it")
        self.below, self.version, self.question, self.encoder = below, version, below.question, encoder
        self.manifest, self.labels = below.manifest, below.labels
        self._plain: Loaded = below._plain if isinstance(below, Headed) else below
        self._head = head

    @property
    def width(self) -> int | None:
        return self.below.width

    @property
    def reading(self) -> str:
        return self.below.reading

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        return self.below.encode(question, examples)

    def head(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self._head.values(features, self._plain.head(features))

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        return self._head.decode(question, examples, encodings, logits)

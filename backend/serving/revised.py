"""A checkpoint that is served with a newer head than its own: same encoder, same rows, other answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelwheel.backend.serving.engine import Encoder, Loaded
from labelwheel.backend.serving.loading import Probes, probe
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads import files
from labelwheel.training.heads.base import FastHead
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question


class Revised:
    """Keeps the protocol of `engine.Loaded`; `champion` is what the head stands on."""

    def __init__(self, champion: Loaded, head: FastHead, version: str, encoder: Encoder) -> None:
        self.champion, self.version, self.question, self.encoder = champion, version, champion.question, encoder
        self.manifest, self.labels = champion.manifest, champion.labels
        self._head = head

    @property
    def width(self) -> int | None:
        return self.champion.width

    @property
    def reading(self) -> str:
        return self.champion.reading

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        return self.champion.encode(question, examples)

    def head(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self._head.values(features, self.champion.head(features))

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        return self._head.decode(question, examples, encodings, logits)


def revise(champion: Loaded, question: Question, version: str, content: bytes, probes: Probes) -> Revised:
    """A champion with a newer head, once it has answered. Raises InvalidCheckpoint."""
    encoder = champion.encoder.layered
    if encoder is None:
        raise InvalidCheckpoint(f"{champion.version} keeps its layers to itself: no other head can stand on it")
    found = Revised(champion, files.load(content), version, encoder)
    probe(found, question, probes.of(champion, question, encoder))
    return found

"""A checkpoint whose answers come from a zero-shot model: a row for each text with each option's sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelwheel.backend.serving.engine import Encoder
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.zero_shot.answers import ZeroShotAnswers


class LoadedZeroShot:
    """Keeps the protocol of `engine.Loaded`. It shows no layers, so that no fast head stands on it."""

    width = None

    def __init__(self, manifest: Manifest, answers: ZeroShotAnswers, encoder: Encoder) -> None:
        self.version, self.question, self.manifest = manifest.version, manifest.question, manifest
        self.encoder, self._answers = encoder, answers
        self.labels = tuple(answers.labels[place] for place in sorted(answers.labels))
        self.reading = manifest.version  # its sentences are its own

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        return self._answers.read(question, examples)

    def head(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(features)

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        return self._answers.decode(question, examples, self._answers.gathered(logits))

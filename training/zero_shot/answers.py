"""What a checkpoint's zero-shot model answers: asked in training's measurements and in serving alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from labelwheel.training import batches
from labelwheel.training.errors import InvalidCheckpoint, InvalidJob
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.zero_shot import entailment
from labelwheel.training.zero_shot.entailment import Entailment
from labelwheel.training.zero_shot.entry import ZeroShotEntry


@dataclass
class ZeroShotAnswers:
    """A model, the options that it knows with a sentence for each, and what makes its scores true.

    It keeps what `Elsewhere` promises.
    """

    model: Entailment
    labels: Mapping[int, str]
    sentences: Sequence[str]
    max_length: int
    calibration: Mapping[str, float] = field(default_factory=dict)
    problem: str | None = None

    def check(self, examples: Sequence[Example]) -> None:
        """Nothing: it is there once it is loaded."""

    def predict(self, question: Question, examples: Sequence[Example]) -> list[Prediction | None]:
        """For each example, in order."""
        return [*self.decode(question, examples, self.odds(question, examples))]

    def read(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        """A row for each text with each sentence."""
        return self.model.rows(["\n".join(question.texts(each)) for each in examples], self.sentences, self.max_length)

    def odds(self, question: Question, examples: Sequence[Example]) -> list[np.ndarray]:
        """Log-odds of the options, (options,) for each example."""
        rows = self.read(question, examples)
        return self.gathered(batches.forward(self.model.module, rows, self.model.pad))

    def gathered(self, outputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The same from the model's outputs for each row."""
        return self.model.odds(outputs, len(self.sentences))

    def decode(self, question: Question, examples: Sequence[Example], odds: Sequence[np.ndarray]) -> list[Prediction]:
        """As if a head had said so."""
        kind = kind_of(question)
        encodings = [Encoding(place, [0]) for place in range(len(examples))]
        return kind.decode(question, examples, encodings, list(odds), self.labels, self.calibration)

    def close(self) -> None:
        """Nothing was started."""


def packed(sentences: Sequence[str], max_length: int) -> bytes:
    """As it lies in a checkpoint."""
    return json.dumps({"sentences": list(sentences), "max_length": max_length}, ensure_ascii=False).encode()


def load(entry: ZeroShotEntry, version: str, question: Question, folder: Path, device: str) -> ZeroShotAnswers:
    """What a checkpoint in `folder` names, on a device; raises InvalidCheckpoint, OutOfMemory."""
    try:
        model = entailment.load(entry.base, device, entry.base_digest)
    except InvalidJob as error:
        raise InvalidCheckpoint(
            f"{version} stands on a zero-shot model that this machine has not: {error}; put it back, roll back, or "
            "train anew with what LABELWHEEL_ZERO_SHOT names"
        ) from error
    labels = kind_of(question).config(question)["id2label"]
    try:
        said = json.loads((folder / entry.content).read_bytes())
        found = ZeroShotAnswers(model, labels, said["sentences"], int(said["max_length"]), entry.calibration)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidCheckpoint(
            f"{folder / entry.content} cannot be read ({error}); roll back or train anew"
        ) from error
    if len(found.sentences) != len(labels):
        raise InvalidCheckpoint(f"{version} has not a sentence for each option; roll back or train anew")
    return found

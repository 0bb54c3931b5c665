"""A checkpoint whose answers a text model writes: what its encoder gives of a row is what was written to it.

So texts that are written wait in the same queue as all others, in the same bounded batches, for as long as somebody
waits for them. A row is as long as it may become: with its tokens the queue counts those that may be written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from labelwheel.backend.serving import waiting
from labelwheel.backend.serving.engine import Encoder
from labelwheel.backend.serving.engines import weights
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.errors import InvalidCheckpoint, OutOfMemory
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.text_models import answers
from labelwheel.training.text_models.answers import TextAnswers
from labelwheel.training.text_models.entry import TextModelEntry
from labelwheel.training.text_models.writing import Said

_ENDED, _LIKELIHOOD, _TOKENS = 0, 1, 2
"""Places in what is given of a row: whether it ended, its likelihood, then its tokens, which float32 holds exactly."""


class TextWriter:
    """Keeps the protocol of `engine.Encoder`."""

    layered = None
    tokens = False

    def __init__(self, texts: TextAnswers, name: str) -> None:
        self._texts, self.name = texts, name
        self.size, self.computing = weights.size(texts.model.module), weights.computing(texts.model.module)

    def rehearsals(self) -> Sequence[Callable[[], None]]:
        return ()

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        """Raises Unwanted where nobody waits any more, OutOfMemory."""
        import torch

        room = self._texts.most_new
        try:
            said = self._texts.write([row.input_ids[:-room] for row in encodings], waiting.somebody)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory(
                f"{self._texts.model.module.device} has too little memory to write; try again when its other work is "
                "done"
            ) from error
        return [np.array([one.ended, one.likelihood, *one.tokens], dtype=np.float32) for one in said]


class LoadedTextModel:
    """Keeps the protocol of `engine.Loaded`; it shows no layers, so that no fast head stands on it."""

    width = None

    def __init__(self, manifest: Manifest, texts: TextAnswers) -> None:
        self.version, self.question, self.manifest, self._texts = manifest.version, manifest.question, manifest, texts
        self.labels = tuple(kind_of(manifest.question).config(manifest.question)["id2label"].values())
        self.reading = f"{manifest.version} {texts.model.digest}"
        self.encoder: Encoder = TextWriter(texts, self.reading)

    @property
    def device(self) -> str:
        """Where it computes, such as `cpu` or `cuda:0`."""
        return str(self._texts.model.module.device)

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        room = [self._texts.model.pad] * self._texts.most_new
        return [Encoding(place, [*row, *room]) for place, row in enumerate(self._texts.read(question, examples))]

    def head(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(features)

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        said = [Said([int(t) for t in row[_TOKENS:]], float(row[_LIKELIHOOD]), bool(row[_ENDED])) for row in logits]
        return self._texts.predictions(question, examples, said)


def load(folder: Path, manifest: Manifest, device: str, threads: int) -> LoadedTextModel:
    """With the model that its adapters stand on; raises InvalidCheckpoint where that is away or has changed."""
    import torch

    if not isinstance(manifest.foreign, TextModelEntry):
        raise InvalidCheckpoint(f"{manifest.version} has no text model; roll back or train anew")
    torch.set_num_threads(threads)
    return LoadedTextModel(manifest, answers.load(manifest.foreign, manifest.version, folder, device))

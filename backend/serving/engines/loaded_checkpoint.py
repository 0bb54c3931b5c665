"""A checkpoint as every engine serves it: its own words and head, around an encoder that others may share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.backend.serving.engine import Encoder
from labelwheel.training.checkpoints.checkpoint import Manifest, Words
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.onnx_export.session import Head
from labelwheel.training.onnx_export.tokenizing import Reader
from labelwheel.training.questions import Example, Prediction, Question


class LoadedCheckpoint:
    """Keeps the protocol of `engine.Loaded`. Without a head the encoder answers with logits already."""

    def __init__(
        self, manifest: Manifest, encoder: Encoder, head: Head | None, tokenizer: Any, id2label: Mapping[int, str]
    ) -> None:
        self.version, self.question, self.encoder = manifest.version, manifest.question, encoder
        self.manifest, self._head, self._tokenizer, self._id2label = manifest, head, tokenizer, id2label
        self.labels = tuple(id2label[place] for place in sorted(id2label))
        self._kind = kind_of(manifest.question)
        words = sorted((name, digest) for name, digest in manifest.files.items() if "token" in name or "vocab" in name)
        reading = f"{words} {manifest.max_length} {self._kind.auto_class}"
        self.reading = hashlib.sha256(reading.encode()).hexdigest()

    @property
    def width(self) -> int | None:
        return None if self._head is None else self._head.weight.shape[1]

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        return self._kind.encode(question, examples, self._tokenizer, self.manifest.max_length)

    def head(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(features) if self._head is None else self._head(features)

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        calibration = self.manifest.calibration
        return self._kind.decode(question, examples, encodings, logits, self._id2label, calibration)


def read_words(folder: Path, words: Words | None) -> tuple[Any, dict[int, str]]:
    """A checkpoint's tokenizer and labels, without its weights, and with `words` without transformers.

    Raises InvalidCheckpoint.
    """
    if words is not None:
        return Reader.load(folder, words), dict(enumerate(words.labels))
    import transformers

    from labelwheel.training import batches

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        with batches.quiet():
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
            config = transformers.AutoConfig.from_pretrained(folder, **local)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidCheckpoint(
            f"{folder} cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0]}); roll back or train anew"
        ) from error
    return tokenizer, {int(index): str(label) for index, label in config.id2label.items()}

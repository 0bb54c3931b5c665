"""What turns encodings into logits: torch today, others behind the same two protocols.

Nothing here imports torch before a model is loaded: CUDA does not survive a fork, torch on a CPU hangs in one, and the
gunicorn master has to be able to fork.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from training.learners.base import Encoding
from training.questions import Example, Prediction, Question

if TYPE_CHECKING:
    from training.model import Model


class Loaded(Protocol):
    """A checkpoint that is in memory. `encode` and `decode` may run in any thread, `logits` in the queue's alone."""

    version: str
    question: Question

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        """Rows for the model, as `training.learners.base.Learner.encode` gives them."""

    def logits(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        """One array per row, float32, in order; all rows in one batch."""

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        """One prediction per example, in order."""


class Engine(Protocol):
    """Loads checkpoints on one device. A batch has at most so many rows and so many tokens, padding included."""

    batch_rows: int
    batch_tokens: int

    def load(self, folder: Path) -> Loaded:
        """A checkpoint in memory; raises InvalidCheckpoint, OutOfMemory or whatever the library raises."""

    def forget(self) -> None:
        """Give the memory of models that nobody holds any more back to the system."""


class TorchEngine:
    """Runs a checkpoint as training does: `training.model.Model` on one device."""

    def __init__(self, device: str | None = None, threads: int = 1) -> None:
        self.device = device
        self.threads = threads
        self.batch_rows = 32
        # one batch is what a single task may have to wait for: 1024 tokens of a MiniLM are some 50 ms on one core
        self.batch_tokens = 1024
        self._libc = _libc()

    def load(self, folder: Path) -> Loaded:
        # weights come from the checkpoint's folder: nothing may look for them, or for code, on a hub
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        from training.model import Model

        model = Model.load(folder, device=self.device, threads=self.threads)
        if _on_gpu(model):
            self.batch_rows, self.batch_tokens = 128, 32_768
        return TorchModel(model)

    def forget(self) -> None:
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if self._libc is not None:
            self._libc.malloc_trim(0)


class TorchModel:
    """A `training.model.Model` as serving sees it."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.version = model.manifest.version
        self.question = model.manifest.question

    def encode(self, question: Question, examples: Sequence[Example]) -> list[Encoding]:
        model = self._model
        return model.learner.encode(question, examples, model.tokenizer, model.manifest.max_length)

    def logits(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        return self._model.logits(encodings, batch_size=max(1, len(encodings)))

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
    ) -> list[Prediction]:
        model = self._model
        return model.learner.decode(question, examples, encodings, logits, model.id2label, model.manifest.calibration)


def _on_gpu(model: Any) -> bool:
    return str(getattr(model, "device", "cpu")).startswith("cuda")


def _libc() -> Any:
    """glibc keeps freed weights for itself unless it is told to trim; other systems give them back."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return libc if hasattr(libc, "malloc_trim") else None

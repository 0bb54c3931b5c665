"""ONNX Runtime on a CPU: the graph that the job left beside the weights, which are not read at all."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backend.serving.engines import memory
from backend.serving.engines.member import Member, read_words
from training import checkpoint
from training.artefact.session import Head, Session
from training.checkpoint import Manifest
from training.errors import InvalidCheckpoint
from training.learners.base import Encoding
from training.model import pad_token


class OnnxEngine:
    """Checkpoints with one and the same graph, to the byte, share it."""

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or cores()
        self.batch_rows, self.batch_tokens, self.polite_tokens = 32, 1024, 64
        self._encoders: weakref.WeakValueDictionary[str, OnnxEncoder] = weakref.WeakValueDictionary()

    def load(self, folder: Path, manifest: Manifest | None = None) -> Member:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        manifest = manifest or checkpoint.read(folder).manifest
        if manifest.artefact is None:
            raise InvalidCheckpoint(f"{folder} has no ONNX graph; set LABELWHEEL_ENGINE to auto, or train anew")
        tokenizer, id2label = read_words(Path(folder))
        pad = pad_token(tokenizer)
        key = f"{manifest.files[manifest.artefact.graph]} {pad}"
        encoder = self._encoders.get(key)
        if encoder is None:
            path = Path(folder) / manifest.artefact.graph
            encoder = self._encoders[key] = OnnxEncoder(Session(path, pad, self.threads), path.stat().st_size)
        head = Head.load(Path(folder) / manifest.artefact.head)
        return Member(manifest, encoder, head, tokenizer, id2label)

    def forget(self) -> None:
        memory.release()


class OnnxEncoder:
    """A session, and the memory that its weights take."""

    def __init__(self, session: Session, size: int) -> None:
        self._session, self.size = session, size

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        return self._session.features(encodings)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

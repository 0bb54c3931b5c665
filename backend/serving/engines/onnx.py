"""ONNX Runtime on a CPU: the graph that the job left beside the weights, which are not read at all.

Each core computes a batch of its own. Measured on two cores with MiniLM in int8, against one batch on both at a time:
half as many answers again at 14 tokens, a third more at 250, a single short text a third sooner, a single long one a
fifth later. For batches beyond 512 tokens the caches are too small: 250 tokens are a quarter slower in fours.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from labelwheel.backend.serving.cores import all_taken, available
from labelwheel.backend.serving.engine import Loaded
from labelwheel.backend.serving.engines import memory
from labelwheel.backend.serving.engines.loaded_checkpoint import LoadedCheckpoint, read_words
from labelwheel.backend.serving.headed import Headed
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Manifest
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.heads import files
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import pad_token
from labelwheel.training.onnx_export.openvino_session import OpenVinoSession
from labelwheel.training.onnx_export.session import Head, Session


class GraphSession(Protocol):
    """A graph in memory, in whatever computes it; `arithmetic` tells its features from those of others."""

    arithmetic: str
    layered: bool
    tokens: bool

    def features(self, encodings: Sequence[Encoding], layered: bool = False) -> list[np.ndarray]:
        """What the head reads of each row, with what several layers say behind it where that is wanted."""


class OnnxEngine:
    """Checkpoints with one and the same graph, to the byte, share it. `per_batch` is how many cores work on a batch.

    With `openvino`, that computes the same graph in ONNX Runtime's place.
    """

    def __init__(self, cores: int | None = None, per_batch: int = 1, openvino: bool = False) -> None:
        self._per_batch, self._openvino = per_batch, openvino
        self.lanes = max(1, (cores or available()) // per_batch)
        self.batch_rows, self.batch_tokens, self.polite_tokens = 32, 512, 64
        self._encoders: weakref.WeakValueDictionary[str, OnnxEncoder] = weakref.WeakValueDictionary()

    def load(self, folder: Path, manifest: Manifest | None = None) -> Loaded:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        manifest = manifest or checkpoint.read(folder).manifest
        if manifest.artefact is None:
            raise InvalidCheckpoint(f"{folder} has no ONNX graph; set LABELWHEEL_ENGINE to auto, or train anew")
        tokenizer, id2label = read_words(Path(folder), manifest.artefact.words)
        pad = pad_token(tokenizer)
        key = f"{manifest.files[manifest.artefact.graph]} {pad}"
        encoder = self._encoders.get(key)
        if encoder is None:
            path = Path(folder) / manifest.artefact.graph
            session = self._session(path, pad)
            encoder = self._encoders[key] = OnnxEncoder(session, path.stat().st_size, f"{key}{session.arithmetic}")
        head = Head.load(Path(folder) / manifest.artefact.head)
        found = LoadedCheckpoint(manifest, encoder, head, tokenizer, id2label)
        if manifest.head is None:
            return found
        return Headed(found, files.read(Path(folder) / manifest.head), found.version)

    def _session(self, path: Path, pad: int) -> GraphSession:
        if self._openvino:
            with all_taken():  # whoever loads may be kept off a core; what computes is not
                return OpenVinoSession(path, pad, self.lanes)
        return Session(path, pad, self._per_batch)

    def forget(self) -> None:
        memory.release()


class OnnxEncoder:
    """A session, and the memory that its weights take.

    Of a text the layers come along at once, as three more means cost nothing; of tokens they are four times as much to
    copy, and only come where they are read.
    """

    def __init__(self, session: GraphSession, size: int, name: str, layered: bool | None = None) -> None:
        self._session, self.size = session, size
        self._layered = session.layered and not session.tokens if layered is None else layered
        self.tokens = session.tokens
        self.name = f"{name} layered" if self._layered else name
        wanted = session.layered and not self._layered
        self._sibling = OnnxEncoder(session, size, name, layered=True) if wanted else None

    @property
    def layered(self) -> OnnxEncoder | None:
        return self if self._layered else self._sibling

    def rehearsals(self) -> Sequence[Callable[[], None]]:
        return ()

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        return self._session.features(encodings, self._layered)

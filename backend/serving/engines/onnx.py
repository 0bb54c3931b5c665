"""ONNX Runtime on a CPU: the graph that the job left beside the weights, which are not read at all.

Each core computes a batch of its own. Measured on two cores with MiniLM in int8, against one batch on both at a time:
half as many answers again at 14 tokens, a third more at 250, a single short text a third sooner, a single long one a
fifth later. For batches beyond 512 tokens the caches are too small: 250 tokens are a quarter slower in fours.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.backend.serving.cores import all_taken, available
from labelwheel.backend.serving.engine import Loaded
from labelwheel.backend.serving.engines import memory
from labelwheel.backend.serving.engines.loaded_checkpoint import LoadedCheckpoint, read_words
from labelwheel.backend.serving.engines.trials import Trial, Trials
from labelwheel.backend.serving.headed import Headed
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import Artefact, Manifest
from labelwheel.training.errors import InvalidCheckpoint, LabelwheelError
from labelwheel.training.heads import files
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import pad_token
from labelwheel.training.onnx_export.openvino_session import OpenVinoSession
from labelwheel.training.onnx_export.session import GraphSession, Head, Session


class OnnxEngine:
    """Checkpoints with one and the same graph, to the byte, share it. `per_batch` is how many cores work on a batch.

    With `openvino`, that computes the same graph in ONNX Runtime's place; with `trials`, whichever of them is sooner,
    where a checkpoint's job has found that both give the same answers.
    """

    def __init__(
        self, cores: int | None = None, per_batch: int = 1, openvino: bool = False, trials: Trials | None = None
    ) -> None:
        self._per_batch, self._openvino, self._trials = per_batch, openvino, trials
        self.lanes = max(1, (cores or available()) // per_batch)
        self.batch_rows, self.batch_tokens, self.polite_tokens = 32, 512, 64
        self._encoders: weakref.WeakValueDictionary[tuple[str, str], OnnxEncoder] = weakref.WeakValueDictionary()

    def load(self, folder: Path, manifest: Manifest | None = None) -> Loaded:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        manifest = manifest or checkpoint.read(folder).manifest
        if manifest.artefact is None:
            raise InvalidCheckpoint(f"{folder} has no ONNX graph; set LABELWHEEL_ENGINE to auto, or train anew")
        tokenizer, id2label = read_words(Path(folder), manifest.artefact.words)
        encoder = self._encoder(Path(folder), manifest.files[manifest.artefact.graph], manifest.artefact, tokenizer)
        head = Head.load(Path(folder) / manifest.artefact.head)
        _check_fit(head, encoder.width, len(id2label), manifest.version)
        found = LoadedCheckpoint(manifest, encoder, head, tokenizer, id2label)
        if manifest.head is None:
            return found
        return Headed(found, files.read(Path(folder) / manifest.head), found.version)

    def _encoder(self, folder: Path, digest: str, artefact: Artefact, tokenizer: Any) -> OnnxEncoder:
        """One that is in memory and may answer for this checkpoint, too; else another one."""
        pad = pad_token(tokenizer)
        key, fit = f"{digest} {pad}", {Session.arithmetic, *artefact.alike}
        for (graph, arithmetic), encoder in list(self._encoders.items()):
            if graph == key and (self._openvino or arithmetic in fit):
                return encoder
        path = folder / artefact.graph
        ways = self._ways(path, pad, artefact)
        session, trial = (self._trials or Trials()).choose(digest, artefact.lengths, ways)
        made = OnnxEncoder(session, path.stat().st_size, f"{key}{session.arithmetic}", trial=trial)
        self._encoders[key, session.arithmetic] = made
        return made

    def _ways(self, path: Path, pad: int, artefact: Artefact) -> dict[str, Callable[[], GraphSession]]:
        """Each engine that may compute a graph, the usual one first."""

        def onnx() -> GraphSession:
            return Session(path, pad, self._per_batch)

        def openvino() -> GraphSession:
            with all_taken():  # whoever loads may be kept off a core; what computes is not
                found = OpenVinoSession(path, pad, self.lanes)
            if not self._openvino and found.arithmetic not in artefact.alike:
                raise LabelwheelError(f"what {found.arithmetic} answers was not compared where this was trained")
            return found

        if self._openvino:
            return {"openvino": openvino}
        ways: dict[str, Callable[[], GraphSession]] = {"onnx": onnx}
        if self._trials is not None and any(name.startswith("openvino") for name in artefact.alike):
            ways["openvino"] = openvino
        return ways

    def forget(self) -> None:
        memory.release()


class OnnxEncoder:
    """A session, and the memory that its weights take; `computing` says which engine it is, and why.

    Of a text the layers come along at once, as three more means cost nothing; of tokens they are four times as much to
    copy, and only come where they are read.
    """

    def __init__(
        self, session: GraphSession, size: int, name: str, layered: bool | None = None, trial: Trial | None = None
    ) -> None:
        self._session, self.size = session, size
        self._layered = session.layered and not session.tokens if layered is None else layered
        self.tokens = session.tokens
        self.name = f"{name} layered" if self._layered else name
        self.computing = {"arithmetic": session.arithmetic or "onnx", **(trial.told if trial else {})}
        wanted = session.layered and not self._layered
        self._sibling = OnnxEncoder(session, size, name, layered=True, trial=trial) if wanted else None

    @cached_property
    def width(self) -> int:
        """How many numbers a head of its own reads."""
        return int(self._session.features([Encoding(0, (1, 2))])[0].shape[-1])

    @property
    def layered(self) -> OnnxEncoder | None:
        return self if self._layered else self._sibling

    def rehearsals(self) -> Sequence[Callable[[], None]]:
        return ()

    def features(self, encodings: Sequence[Encoding]) -> list[np.ndarray]:
        return self._session.features(encodings, self._layered)


def _check_fit(head: Head, width: int, labels: int, version: str) -> None:
    """A wider head would take what layers say for the rest of what it reads, and answer."""
    rows, columns = head.weight.shape
    if (rows, columns) != (labels, width):
        raise InvalidCheckpoint(
            f"{version} has a head that reads {columns} numbers for {rows} labels, and a graph that gives {width} for "
            f"{labels}; roll back or train anew"
        )

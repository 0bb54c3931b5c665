"""An artefact in memory: ONNX Runtime on the CPU, and the head that reads what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from labelwheel.training import batches
from labelwheel.training.errors import InvalidCheckpoint, OutOfMemory
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.onnx_export.graph import FEATURES, IDS, LAYERS, MASK


class GraphSession(Protocol):
    """A graph in memory, in whatever computes it; `arithmetic` tells its features from those of others."""

    arithmetic: str
    layered: bool
    tokens: bool

    def features(self, encodings: Sequence[Encoding], layered: bool = False) -> list[np.ndarray]:
        """What the head reads of each row, with what several layers say behind it where that is wanted."""


class Session:
    """One graph in ONNX Runtime; any thread may call `features`, `threads` is how many cores one call uses."""

    arithmetic = ""

    def __init__(self, path: str | Path, pad_token_id: int, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # plans of memory for each shape: 22 MB more for a session of MiniLM, and no faster
        options.enable_mem_pattern = False
        # threads that spin while they wait take the cores from the tokenizer and from whoever asks: measured beside
        # other work on two cores, everything takes up to twice as long with it
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base but this
            line = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            if "allocate" in line or "bad_alloc" in line:
                raise OutOfMemory(f"{path} does not fit into the memory; serve fewer models at a time") from error
            raise InvalidCheckpoint(f"{path} cannot be loaded ({line}); roll back or train anew") from error
        self._pad_token_id = pad_token_id
        outputs = {each.name: len(each.shape) for each in self._session.get_outputs()}
        self.layered, self.tokens = LAYERS in outputs, outputs.get(FEATURES) == 3

    def features(self, encodings: Sequence[Encoding], layered: bool = False) -> list[np.ndarray]:
        """What the head reads, float32: (features,) of a text, (tokens, features) where each token is labelled.

        What is `layered` has what several layers say behind it.
        """
        ids, mask = batches.padded([row.input_ids for row in encodings], self._pad_token_id)
        outputs = self._session.run([FEATURES, LAYERS] if layered else [FEATURES], {IDS: ids, MASK: mask})
        found = np.concatenate(outputs, axis=-1) if layered else outputs[0]
        if found.ndim == 3:
            return [one[: len(row.input_ids)] for one, row in zip(found, encodings, strict=True)]
        return list(found)


@dataclass(frozen=True)
class Head:
    """The last layer: (labels, features) and (labels,), float32."""

    weight: np.ndarray
    bias: np.ndarray | None

    def __call__(self, features: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Logits of each row; what is behind the head's own features is not read."""
        width = self.weight.shape[1]
        found = [row[..., :width] @ self.weight.T for row in features]
        return found if self.bias is None else [row + self.bias for row in found]

    @classmethod
    def of(cls, module: object) -> Head:
        """The head of a transformers classifier."""
        from labelwheel.training import encoders

        linear = encoders.head(module)
        weight = linear.weight.detach().float().cpu().numpy().copy()
        return cls(weight, None if linear.bias is None else linear.bias.detach().float().cpu().numpy().copy())

    @classmethod
    def load(cls, path: str | Path) -> Head:
        """From safetensors; raises InvalidCheckpoint."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            found = load_file(str(path))
            return cls(found["weight"], found.get("bias"))
        except (OSError, KeyError, SafetensorError) as error:
            raise InvalidCheckpoint(f"{path} cannot be read ({error}); roll back or train anew") from error

    def dump(self) -> bytes:
        """As safetensors."""
        from safetensors.numpy import save

        return save({"weight": self.weight} if self.bias is None else {"weight": self.weight, "bias": self.bias})

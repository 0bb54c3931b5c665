"""A graph in OpenVINO: bfloat16 where the processor has it, and the int8 of a job with OpenVINO's own products.

What OpenVINO gives of a text in bfloat16 depends on the width that it is padded to (by up to .5 % of the strongest
feature, measured with MiniLM), not on the rows beside it. So a text's width depends on its own length alone, and rows
of different widths are computed one width after the other.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.training import batches
from labelwheel.training.errors import InvalidCheckpoint, LabelwheelError, OutOfMemory
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.onnx_export import openvino_graph
from labelwheel.training.onnx_export.graph import FEATURES, IDS, LAYERS, MASK

_STEP = 16
"""Tokens. Each new shape costs OpenVINO time: with steps of 4, texts of 4 to 32 tokens take a third longer."""

_GROUP = 64
"""Channels of a token that share a scale in int8: 32 take up to a fifth longer, and are as far from fp32."""


def width(tokens: int) -> int:
    """How wide a row of so many tokens is padded, whatever is beside it."""
    return -(-max(1, tokens) // _STEP) * _STEP


class OpenVinoSession:
    """As `labelwheel.training.onnx_export.session.Session`; `lanes` threads compute a batch each, on a core of its own.

    They run on the cores of the thread that makes the session. Raises InvalidCheckpoint where OpenVINO cannot read the
    graph, and LabelwheelError where it is not installed.
    """

    def __init__(self, path: Path, pad_token_id: int, lanes: int = 1) -> None:
        openvino = _library()
        core = openvino.Core()
        fast = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.arithmetic = f"openvino {'bf16' if fast else 'fp32'}"
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if fast else "f32",
            "NUM_STREAMS": lanes,
            "INFERENCE_NUM_THREADS": lanes,
            # it would hold on to cores that other processes of a container compute on
            "ENABLE_CPU_PINNING": False,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP,
        }
        try:
            model = core.read_model(str(path))
            if openvino_graph.mend(model):
                self.arithmetic = f"openvino int8 by {_GROUP}"
            self._compiled = core.compile_model(model, "CPU", options)
            self._free = [self._compiled.create_infer_request() for _ in range(lanes)]
        except Exception as error:  # openvino raises RuntimeError for whatever goes wrong
            line = str(error).splitlines()[-1][:300] if str(error) else type(error).__name__
            if "alloc" in line:
                raise OutOfMemory(f"{path} does not fit into the memory; serve fewer models at a time") from error
            raise InvalidCheckpoint(
                f"OpenVINO cannot read {path} ({line}); set LABELWHEEL_ENGINE to auto, or train anew"
            ) from error
        self._pad_token_id = pad_token_id
        ranks = {name: each.partial_shape.rank for each in self._compiled.outputs for name in each.get_names()}
        self.layered, self.tokens = LAYERS in ranks, ranks[FEATURES].get_length() == 3

    def features(self, encodings: Sequence[Encoding], layered: bool = False) -> list[np.ndarray]:
        """What the head reads, float32, as `Session.features` gives it; any thread may call."""
        places = defaultdict[int, list[int]](list)
        for place, row in enumerate(encodings):
            places[width(len(row.input_ids))].append(place)
        found: dict[int, np.ndarray] = {}
        for wide, same in places.items():
            found.update(zip(same, self._same(wide, [encodings[place] for place in same], layered), strict=True))
        return [found[place] for place in range(len(encodings))]

    def _same(self, wide: int, rows: Sequence[Encoding], layered: bool) -> list[np.ndarray]:
        ids, mask = batches.padded([row.input_ids for row in rows], self._pad_token_id)
        edge = ((0, 0), (0, wide - ids.shape[1]))
        ids, mask = np.pad(ids, edge, constant_values=self._pad_token_id), np.pad(mask, edge)
        try:
            request = self._free.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            request.infer({IDS: ids, MASK: mask}, share_inputs=True)
            # copied: the next batch is written to the same place
            outputs = [request.get_tensor(name).data.copy() for name in ([FEATURES, LAYERS] if layered else [FEATURES])]
        finally:
            self._free.append(request)
        said = np.concatenate(outputs, axis=-1) if layered else outputs[0]
        if said.ndim == 3:
            return [one[: len(row.input_ids)] for one, row in zip(said, rows, strict=True)]
        return list(said)


def installed() -> bool:
    """Whether there is an OpenVINO to compute with; it is not imported for that."""
    return find_spec("openvino") is not None


def _library() -> Any:
    # OpenVINO tells Google Analytics that it was imported, unless there is nothing to tell it with: nothing leaves us
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise LabelwheelError(
            f"OpenVINO cannot be used ({error}): pip install 'labelwheel[openvino]', or set LABELWHEEL_ENGINE to auto"
        ) from error
    return openvino

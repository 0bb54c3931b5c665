"""How strong each channel of an activation is against the weights that read it, so that int8 can share the difficulty.

Some channels of a transformer are ten times as strong as the others, and take all of a token's 256 steps for
themselves. Divided by `strengths`, with the weights multiplied by the same, the product stays what it was and every
channel gets its share of the steps (SmoothQuant, Xiao et al. 2023, arXiv:2211.10438, with alpha = 1/2).
Measured with MiniLM on five data sets: features are off by 3.4 % instead of 4.7 %, and on 700 texts .9929 to 1 of the
answers stay the same where it was .9843 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelwheel.training import batches
from labelwheel.training.onnx_export.graph import IDS, MASK

_TEXTS, _SHORTEST, _LONGEST = 64, 4, 32
_STEPS = 8
_LEAST = 1e-5


def strengths(source: Path, weights: Mapping[str, Sequence[np.ndarray]], tokenizer: Any) -> dict[str, np.ndarray]:
    """For each activation of a graph by name, with the matrices (channels, outputs) that read it: (channels,), float32.

    Measured on made-up texts of the tokenizer's words, which does as well as on real ones: it has to depend on nothing
    but the encoder, for checkpoints with the same one share its graph, to the byte.
    """
    power = _power(source, list(weights), _texts(tokenizer))
    found = {}
    for name, matrices in weights.items():
        most = np.max([np.abs(matrix).max(1) for matrix in matrices], axis=0)
        steps = 0.5 * np.log2(np.maximum(power[name], _LEAST) / np.maximum(most, _LEAST))
        # rounded: the last bits of a measurement may differ from machine to machine
        found[name] = np.exp2(np.round((steps - steps.mean()) * _STEPS) / _STEPS).astype(np.float32)
    return found


def _texts(tokenizer: Any) -> list[list[int]]:
    chance, words = np.random.default_rng(13), sorted(tokenizer.get_vocab())
    lengths = np.linspace(_SHORTEST, _LONGEST, _TEXTS).astype(int)
    texts = [" ".join(chance.choice(words, length)) for length in lengths]
    return list(tokenizer(texts, truncation=True, max_length=4 * _LONGEST, padding=False)["input_ids"])


def _power(source: Path, names: Sequence[str], rows: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
    """The root of the mean square of each channel."""
    import onnx
    import onnxruntime

    model = onnx.load(str(source))
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    sums: dict[str, Any] = dict.fromkeys(names, 0.0)
    counts = dict.fromkeys(names, 0)
    for row in rows:
        ids, mask = batches.padded([list(row)], 0)
        for name, values in zip(names, session.run(list(names), {IDS: ids, MASK: mask}), strict=True):
            flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
            sums[name] = sums[name] + (flat**2).sum(0)
            counts[name] += len(flat)
    return {name: np.sqrt(sums[name] / counts[name]) for name in names}

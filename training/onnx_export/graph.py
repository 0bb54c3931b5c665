"""The encoder of a transformers classifier as an ONNX graph: token ids and mask in, what the head reads out.

A second output has what several layers say (`training.layers`), for fast heads.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelwheel.training import batches, encoders, layers, pooling

IDS, MASK, FEATURES, LAYERS = "input_ids", "attention_mask", "features", "layers"
_OPSET = 17
_SAMPLE = ((101, 2000, 2001, 2002, 102), (101, 2003, 102))  # of two lengths: the mask must not be traced away


def export(module: Any, path: Path) -> None:
    """Writes the graph of a classifier that is on the CPU, without its head; the module is as before afterwards.

    Without the layers where the module keeps them to itself. Takes whatever torch raises where it cannot trace an
    architecture. The exporter that traces needs a second for a MiniLM; the newer one, which compiles, needs five and
    one more package.
    """
    import torch

    vocabulary = module.get_input_embeddings().num_embeddings
    rows = [[token % vocabulary for token in row] for row in _SAMPLE]
    sample = batches.pad(rows, 0)
    with _headless(module), torch.inference_mode(), warnings.catch_warnings(), _silent("torch.onnx"):
        warnings.simplefilter("ignore")
        outputs = [FEATURES, LAYERS] if layers.behind(module) is not None else [FEATURES]
        torch.onnx.export(
            _features(module, LAYERS in outputs),
            (sample[IDS], sample[MASK]),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=[IDS, MASK],
            output_names=outputs,
            dynamic_axes={name: {0: "rows", 1: "tokens"} for name in (IDS, MASK, *outputs)},
        )


def _features(module: Any, deep: bool) -> Any:
    from torch import nn

    layered = layers.Layered(module)

    class Features(nn.Module):
        """The module with a tensor for an answer, as an exporter wants it."""

        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            with layered.caught() as states:
                said = self.module(input_ids=input_ids, attention_mask=attention_mask).logits
            return (said, layered.joined(states, attention_mask)) if deep else said

    return Features().eval()


@contextmanager
def _headless(module: Any) -> Iterator[None]:
    """The head left out, attention written out in plain operations, the layer that computes the mean made short."""
    from torch import nn

    head = encoders.head(module)
    name = next(name for name, each in module.named_modules() if each is head)
    attention = module.config._attn_implementation
    stack = getattr(module, module.base_model_prefix).encoder.layer if _means(module) else None
    last = stack[-1] if stack is not None else None
    module.set_submodule(name, nn.Identity())
    module.set_attn_implementation("eager")
    if stack is not None:
        stack[-1] = _mean(last)
    try:
        yield
    finally:
        module.set_submodule(name, head)
        module.set_attn_implementation(attention)
        if stack is not None:
            stack[-1] = last


def _means(module: Any) -> bool:
    """Only where the first token alone is read: a token classifier has no use for a mean."""
    return bool(getattr(module.config, encoders.MEAN_LAYER, False)) and "ForSequence" in type(module).__name__


def _mean(layer: Any) -> Any:
    """What `pooling.pass_through` made of a whole layer, for the one position that is read: a seventh of a MiniLM."""
    import torch
    from torch import nn

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = layer.attention.output.LayerNorm, layer.output.LayerNorm

        def forward(self, hidden_states: Any, attention_mask: Any = None, *_: Any, **__: Any) -> Any:
            shares = torch.softmax(attention_mask[:, 0, :1, :], -1)
            mean = torch.matmul(shares, hidden_states)
            return self.second(self.first(pooling.DOMINANCE * mean + hidden_states[:, :1]))

    return Mean()


@contextmanager
def _silent(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)

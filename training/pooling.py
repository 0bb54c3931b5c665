"""Mean pooling inside a standard BERT or RoBERTa classifier, which would otherwise read its first token only.

Sentence encoders answer with the mean of their last hidden states, and transformers' classifiers read the first token
through tanh(dense(·)). One more layer of the same kind closes the gap without any code of our own in the checkpoint:
its attention is uniform, so that every position holds the mean, and everything behind it lets the mean pass.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MODEL_TYPES = frozenset({"bert", "roberta", "xlm-roberta", "camembert"})

DOMINANCE = 1000.0
"""How many times the mean outweighs the residual before the layer norm; the rest is an error of 1 / DOMINANCE."""

LINEAR = 0.02
"""How small the features go into tanh: small enough that it is a straight line (an error below 0.2 % at 3 sigma)."""


def wants_mean(model_type: str, pooling: dict[str, Any] | None) -> bool:
    """Whether the layer should be added: the encoder says mean, or says nothing (the mean beats a raw first token)."""
    if model_type not in MODEL_TYPES:
        return False
    return pooling is None or bool(pooling.get("pooling_mode_mean_tokens"))


def read_settings(folder: Path) -> dict[str, Any] | None:
    """The pooling settings that sentence-transformers keeps beside a model, where there are some."""
    path = folder / "1_Pooling" / "config.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def pass_through(model: Any, mean: bool) -> None:
    """Set the last layer to compute the mean (if `mean`), and the classifier's dense layer to let features through."""
    import torch
    from torch import nn

    body = getattr(model, model.base_model_prefix)
    # BERT's pooler belongs to the body; RoBERTa's is the first half of its classification head.
    dense = body.pooler.dense if getattr(body, "pooler", None) is not None else model.classifier.dense

    with torch.no_grad():
        if mean:
            layer = body.encoder.layer[-1]
            attention = layer.attention.self
            for linear in (attention.query, attention.key, layer.output.dense):
                linear.weight.zero_()
                linear.bias.zero_()
            for linear, scale in ((attention.value, 1.0), (layer.attention.output.dense, DOMINANCE)):
                nn.init.eye_(linear.weight).mul_(scale)
                linear.bias.zero_()
            for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
                norm.weight.fill_(1.0)
                norm.bias.zero_()
        nn.init.eye_(dense.weight).mul_(LINEAR)
        dense.bias.zero_()


def frozen_parameters(model: Any) -> list[Any]:
    """The parameters of the added layer: fine-tuning leaves them, as a drifting mean would be an unstable one."""
    body = getattr(model, model.base_model_prefix)
    return list(body.encoder.layer[-1].parameters())

"""Adapters: small matrices beside the layers of a base model that stays as it is, in memory too.

LoRA (Hu et al. 2021) learns the change of a weight as the product of two thin matrices, which is added to the weight in
the end: what is left then is a model like any other. Adapters stand on all linear layers of the encoder, which it takes
to keep up with training the whole of it (Dettmers et al. 2023, QLoRA, section 4; Schulman et al. 2025, "LoRA without
regret"). What lies behind the encoder is new or small, and is trained itself.

Each start shares the weights that stay with the base model: it costs the memory of its adapters, a hundredth.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

from labelwheel.training import encoders

RANK, ALPHA = 16, 32
"""The usual ones: twice the rank is what most recipes scale by, and a rank of 16 holds what thousands of labels say."""


def fresh(base: Any, seed: int) -> Any:
    """A model that answers as the base does, of which adapters and what lies behind the encoder can be trained."""
    model = _beside(base, targets(base), {id(parameter) for parameter in _behind(base)}, seed)
    for parameter in _behind(model):
        parameter.requires_grad_(True)
    return model


def fresh_writer(base: Any, seed: int) -> Any:
    """The same of a model that writes texts; what turns features into words stays, and adapters are float32."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    last = base.get_output_embeddings()
    names = [
        name for name, module in base.named_modules() if isinstance(module, nn.Linear | Conv1D) and module is not last
    ]
    model = _beside(base, names, set(), seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return model


def layers(model: Any) -> dict[str, tuple[Any, Any]]:
    """By the names of the base model's layers, what of their adapters reads (rank, in) and what writes (out, rank)."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {
        name: (layer.lora_A["default"].weight, layer.lora_B["default"].weight)
        for name, layer in model.named_modules()
        if isinstance(layer, BaseTunerLayer)
    }


def _beside(base: Any, names: list[str], apart: set[int], seed: int) -> Any:
    """A copy with adapters on some layers; it shares all weights with the base model but those that are `apart`."""
    import torch
    from peft import LoraConfig, inject_adapter_in_model

    shared = {id(p): torch.nn.Parameter(p.detach(), requires_grad=False) for p in base.parameters()
              if id(p) not in apart}  # fmt: skip
    model = copy.deepcopy(base, dict(shared))  # it copies what it does not find there
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=names)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a layer of GPT-2's kind is turned round
        inject_adapter_in_model(config, model)
    return model


def merged(model: Any) -> Any:
    """The model without adapters, their changes added to its weights. The base model's weights stay as they are."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(model.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge(safe_merge=True)  # into a copy of the weight, which the base model has as well
            model.set_submodule(name, layer.get_base_layer())
    del model.peft_config
    return model.requires_grad_(True)


def targets(model: Any) -> list[str]:
    """The names of the layers that get an adapter."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    left = {id(parameter) for parameter in (*_behind(model), *encoders.still_parameters(model))}
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and id(module.weight) not in left
    ]


def _behind(model: Any) -> list[Any]:
    """The parameters between the encoder's layers and the answers, the head's among them."""
    inside = {id(parameter) for parameter in model.base_model.parameters()}
    pooler = getattr(model.base_model, "pooler", None)
    if pooler is not None:
        inside -= {id(parameter) for parameter in pooler.parameters()}
    return [p for p in model.parameters() if id(p) not in inside] or list(encoders.head(model).parameters())

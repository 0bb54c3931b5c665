"""What another process needs to build a model like this one: its class and its configuration, without weights.

Weights come by DDP, which begins with those of the first process on all of them.
"""

from __future__ import annotations

from typing import Any

from labelwheel.training.errors import InvalidJob

Blueprint = dict[str, Any]


def of(model: Any) -> Blueprint:
    """Of a transformers model, with adapters or without. Raises InvalidJob where it could not be built from that."""
    import torch

    found = {
        "model": type(model).__name__,
        "config": type(model.config).__name__,
        "fields": model.config.to_dict(),
        "adapters": hasattr(model, "peft_config"),
        "checkpointing": any(getattr(module, "gradient_checkpointing", False) for module in model.modules()),
    }
    with torch.device("meta"):
        other = _bare(found)
    if _shapes(model) != _shapes(other):
        raise InvalidJob(f"{found['model']} has other weights than its configuration says")
    return found


def build(found: Blueprint, device: str) -> Any:
    """A model of the same shape, with weights that nobody has learnt. Raises InvalidJob."""
    from labelwheel.training.strategies import memory_ladder

    model = _bare(found).to(device)
    if found["checkpointing"]:
        memory_ladder.checkpoint(model)
    return model


def _bare(found: Blueprint) -> Any:
    import transformers

    from labelwheel.training.strategies import adapters

    try:
        config = getattr(transformers, found["config"]).from_dict(found["fields"])
        model = getattr(transformers, found["model"])(config)
    except (AttributeError, ValueError, TypeError) as error:
        raise InvalidJob(f"{found['model']} cannot be built from its configuration: {error}") from error
    return adapters.fresh(model, 0) if found["adapters"] else model


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(each.shape) for name, each in model.named_parameters()}

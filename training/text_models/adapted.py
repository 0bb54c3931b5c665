"""Adapters as they lie in a checkpoint: two thin matrices for each layer, added to the weights that they stand on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelwheel.training.errors import InvalidCheckpoint

_THIN, _WIDE = ".a", ".b"
SCALE = "scale"


def packed(layers: Mapping[str, tuple[Any, Any]], scale: float) -> bytes:
    """Of layers by their names: what reads (rank, in) and what writes (out, rank), float32."""
    import torch
    from safetensors.torch import save

    tensors = {
        f"{name}{end}": tensor.detach().float().cpu().contiguous()
        for name, pair in layers.items()
        for end, tensor in zip((_THIN, _WIDE), pair, strict=True)
    }
    return save({**tensors, SCALE: torch.tensor([scale])}, metadata={"format": "pt"})


def add(module: Any, content: bytes) -> None:
    """Changes a model's weights by what was packed; raises InvalidCheckpoint where that is for another model."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
        scale = float(tensors.pop(SCALE))
        with torch.no_grad():
            for name in sorted(key.removesuffix(_THIN) for key in tensors if key.endswith(_THIN)):
                layer = module.get_submodule(name)
                change = scale * (tensors[f"{name}{_WIDE}"] @ tensors[f"{name}{_THIN}"])
                if type(layer).__name__ == "Conv1D":  # GPT-2's kind turns its weights round
                    change = change.T
                weight = layer.weight
                weight.copy_((weight.float() + change.to(weight.device)).to(weight.dtype))
    except (SafetensorError, KeyError, AttributeError, ValueError, RuntimeError) as error:
        raise InvalidCheckpoint(f"the adapters do not fit ({error}); roll back or train anew") from error

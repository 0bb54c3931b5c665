"""What is told of a torch module's weights: how much memory they take, and what computes with them."""

from __future__ import annotations

from typing import Any


def size(module: Any) -> int:
    """Bytes."""
    return sum(each.numel() * each.element_size() for each in module.parameters())


def computing(module: Any) -> dict[str, str]:
    """As `engine.Encoder.computing`."""
    return {"arithmetic": f"torch {str(module.dtype).removeprefix('torch.')} on {module.device}"}

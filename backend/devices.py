"""Whether this machine may have a GPU, without asking torch, which takes 200 MB."""

from __future__ import annotations

from pathlib import Path

ON_CPU = ("onnx", "openvino")
"""Engines that have no use for a GPU."""

_GPU_NODES = ("/dev/nvidiactl", "/dev/dxg")


def gpu_in_sight(engine: str, device: str | None) -> bool:
    """Whether these settings may lead to a GPU; torch alone knows for sure."""
    if engine in ON_CPU:
        return False
    if device is not None:
        return device.startswith("cuda")
    return any(Path(node).exists() for node in _GPU_NODES)

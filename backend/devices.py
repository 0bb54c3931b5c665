"""Whether this machine may have a GPU, without asking torch, which takes 200 MB."""

from __future__ import annotations

from pathlib import Path

_GPU_NODES = ("/dev/nvidiactl", "/dev/dxg")


def gpu_in_sight(engine: str, device: str | None) -> bool:
    """Whether these settings may lead to a GPU; torch alone knows for sure."""
    if engine == "onnx":
        return False
    if device is not None:
        return device.startswith("cuda")
    return any(Path(node).exists() for node in _GPU_NODES)

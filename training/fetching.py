"""Brings a GPU's results to the host while it goes on computing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)

_refused: list[str] = []
"""Why there is no pinned memory: it is asked for once."""


def fetch(tensor: Any, ahead: bool = True) -> Callable[[], np.ndarray]:
    """Begins to copy a tensor, if `ahead` of more work for its GPU; what it returns waits for the copy."""
    if ahead and tensor.device.type == "cuda" and not _refused:
        try:
            return _begin(tensor)
        except RuntimeError as error:
            _refused.append(str(error))
            logger.warning("Results are fetched one after the other: %.300s", error)
    return lambda: tensor.cpu().numpy()


def _begin(tensor: Any) -> Callable[[], np.ndarray]:
    import torch

    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(tensor.device))

    def wait() -> np.ndarray:
        copied.synchronize()
        return host.numpy().copy()  # pinned memory is scarce, and what is fetched may be kept

    return wait

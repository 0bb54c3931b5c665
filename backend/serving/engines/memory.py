"""Gives memory back that nobody uses any more, and leaves what is there for long out of Python's search for garbage.

Python looks through all objects each time their number has grown by a quarter, and nobody is answered meanwhile: a
sixth of a second among what imports and models have made.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any


def release() -> None:
    """What Python, torch and the C library keep of models that are gone goes back to the system."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if _libc is not None:
        _libc.malloc_trim(0)


def settle() -> None:
    """What has just been loaded is not looked at again until `release`."""
    gc.freeze()


def _find() -> Any:
    """glibc keeps freed weights for itself unless it is told to trim; other systems give them back."""
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return libc if hasattr(libc, "malloc_trim") else None


_libc = _find()

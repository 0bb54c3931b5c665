"""Memory: how much a device has left, and whether it was memory that ran out."""

from __future__ import annotations

import contextlib
import gc
import resource
from collections.abc import Iterator
from pathlib import Path

import psutil

_GROUPS = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_FILES = (("memory.max", "memory.current", "inactive_file"),
          ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"))  # fmt: skip
"""Limit, use, and the part of it that is given back when asked for: of version 2 and of version 1."""


def free(device: str) -> int:
    """Bytes that are left: of a card, or of the host within the limits of this process's control groups."""
    import torch

    if torch.device(device).type == "cuda":
        used, kept = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
        left, whole = torch.cuda.mem_get_info(device)
        bound = int(torch.cuda.get_per_process_memory_fraction(device) * whole)  # a job may leave some to serving
        return max(0, min(left + kept, bound) - used)
    return min([psutil.virtual_memory().available, *_left_to_groups()])


def ran_out(error: BaseException) -> bool:
    """Whether the device or the host ran out of memory."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in str(error) or "can't allocate memory" in str(error))
    )


def peak() -> int:
    """Bytes that this process has held at most: of the card where it has used one, else of the host."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def give_back(error: BaseException) -> None:
    """Free what an error has left behind: its frames hold the tensors."""
    import torch

    error.__traceback__ = None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _left_to_groups() -> Iterator[int]:
    """What is left within each limit that holds for this process: its group's, and those of the groups around it."""
    with contextlib.suppress(OSError):
        for line in _OWN.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers not in ("", "memory"):
                continue
            place = _GROUPS / controllers / path.lstrip("/")
            for folder in (place, *place.parents):
                if not folder.is_relative_to(_GROUPS):
                    break
                yield from _left_to(folder)


def _left_to(folder: Path) -> Iterator[int]:
    for limit, used, reclaimable in _FILES:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number, and no limit
            bound = int((folder / limit).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            yield max(0, bound - int((folder / used).read_text()) + int(stat.get(reclaimable, 0)))

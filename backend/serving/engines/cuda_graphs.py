"""The one door to CUDA graphs: records what a function launches on a GPU.

All is recorded in the thread that computes, on one side stream of the process, so that no other work meets it and
cuBLAS' workspace is there once. Graphs share the pool of one that is alive: torch fails on a pool whose last graph has
gone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any

from labelwheel.backend.serving.engines.recorded_passes import Record, Recording

_WARM = 3
"""Runs before the one that is recorded: libraries choose their kernels in the first ones."""

_failed: list[str] = []
"""Why a recording failed in this process: none is tried after it, for torch's allocator may keep that pool for good."""


def recorder(device: Any) -> Record | None:
    """What records on a device; None where there are no graphs."""
    return partial(_record, device) if device.type == "cuda" else None


def _record(device: Any, run: Callable[[], Any], pool: Any) -> Recording:
    import torch

    if _failed:
        raise RuntimeError(f"graphs were given up when one failed: {_failed[0]}")
    pool = pool or torch.cuda.graph_pool_handle()
    side, main = _side_stream(device), torch.cuda.current_stream(device)
    side.wait_stream(main)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(side):  # puts the thread's stream back whatever happens
        for _ in range(_WARM):
            run()
        torch.cuda.synchronize(device)
        try:
            graph.capture_begin(pool=pool, capture_error_mode="thread_local")
            try:
                output = run()
            finally:
                graph.capture_end()
        except torch.OutOfMemoryError:
            _ended(device, pool)
            raise
        except Exception as error:
            _failed.append(str(error).splitlines()[0])
            _ended(device, pool)
            raise
    main.wait_stream(side)
    return Recording(graph.replay, output, pool)


def _ended(device: Any, pool: Any) -> None:
    """Until 2.12 torch's allocator goes on recording where a recording failed, and then gives no memory back."""
    import torch

    with suppress(Exception):  # where it has ended properly, it says so
        torch._C._cuda_endAllocateToPool(device.index or 0, pool)


@cache
def _side_stream(device: Any) -> Any:
    import torch

    return torch.cuda.Stream(device)

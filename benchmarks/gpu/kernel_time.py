"""How long a card computes for a batch, whatever is around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from labelwheel.training import batches
from labelwheel.training.kinds.base import Encoding

_WARM, _REPEATS = 5, 50


class KernelTime(NamedTuple):
    """Seconds, and what was timed: a recorded pass has no gaps, a forward pass waits for each launch."""

    seconds: float
    of: str


def kernel_time(encoder: Any, encodings: Sequence[Encoding], repeats: int = _REPEATS) -> KernelTime:
    """The passes of one batch, one right after the other, between two events of the card; on a CPU by the clock."""
    launch = encoder.recorded and encoder.recorded.launch(encodings)
    if launch is not None:
        return KernelTime(_between_events(launch, repeats), "replay")
    module = encoder._module
    batch = batches.pad([row.input_ids for row in encodings], encoder._pad_token_id, module.device)
    timed = _between_events if module.device.type == "cuda" else _by_the_clock
    return KernelTime(timed(lambda: module(**batch), repeats), "forward")


def _between_events(launch: Callable[[], Any], repeats: int) -> float:
    import torch

    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    with torch.inference_mode():
        for _ in range(_WARM):
            launch()
        start.record()
        for _ in range(repeats):
            launch()
        end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3 / repeats


def _by_the_clock(launch: Callable[[], Any], repeats: int) -> float:
    import torch

    with torch.inference_mode():
        launch()
        began = time.perf_counter()
        for _ in range(repeats):
            launch()
    return (time.perf_counter() - began) / repeats

"""The processes of a job once they have met: orders, decisions and gradients go from one to the others.

An order is JSON and arrays of numbers: nothing that is executed. Orders and decisions take the host's network (gloo),
gradients the device's (nccl between cards), each for as long as it takes: who waits for the first process to measure
must not be given up after torch's ten minutes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np

from labelwheel.training.ranks.place import Place

Order = tuple[dict[str, Any], dict[str, np.ndarray]]
"""What is to be done, as JSON has it, and with what numbers."""

_LONG = timedelta(days=30)
_SAMPLE = 25_000_000
"""So many numbers at most are sent to learn how long as many take as a model has."""


class Group:
    """This process among them. `device` is where its gradients are."""

    def __init__(self, place: Place, store: Any, device: str) -> None:
        import torch.distributed as dist

        self.place, self.device = place, device
        # it takes a training of one process for a mistake, where a group is there
        logging.getLogger("transformers.training_args").addFilter(lambda line: "parallel_mode" not in line.getMessage())
        backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
        dist.init_process_group(
            backend, store=dist.PrefixStore("group", store), rank=place.number, world_size=place.total, timeout=_LONG
        )

    def send(self, order: Order) -> None:
        """From the first process to all others."""
        head, arrays = order
        shapes = {name: [str(each.dtype), each.shape] for name, each in arrays.items()}
        said = np.frombuffer(json.dumps([head, shapes]).encode(), dtype=np.uint8)
        self._broadcast(np.array([len(said)]))
        self._broadcast(said.copy())
        for each in arrays.values():
            self._broadcast(np.ascontiguousarray(each))

    def receive(self) -> Order:
        """The next one; waits for it."""
        said = self._broadcast(np.empty(int(self._broadcast(np.empty(1, dtype=np.int64))[0]), dtype=np.uint8))
        head, shapes = json.loads(said.tobytes())
        return head, {name: self._broadcast(np.empty(shape, dtype=kind)) for name, (kind, shape) in shapes.items()}

    def agreed(self, said: bool) -> bool:
        """What the first process says, on all of them."""
        return bool(self._broadcast(np.array([said], dtype=np.uint8))[0])

    def spread(self, numbers: Any) -> None:
        """The first process's, over those of the others: a tensor in the host's memory."""
        import torch.distributed as dist

        dist.broadcast(numbers, 0)

    def gathered(self, rows: Any, counts: list[int]) -> Any:
        """The rows of all processes, (sum of counts, …), in their order; only this process's own carry gradients."""
        import torch
        import torch.distributed as dist

        padded = rows.new_zeros((max(counts), *rows.shape[1:]))
        padded[: len(rows)] = rows.detach()
        found = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(found, padded)
        whole = [each[:count] for each, count in zip(found, counts, strict=True)]
        whole[self.place.number] = rows
        return torch.cat(whole)

    def exchange_seconds(self, numbers: int) -> float:
        """How long the average of so many numbers takes, over all processes; all of them have to ask."""
        import torch
        import torch.distributed as dist

        sample = torch.zeros(max(1, min(numbers, _SAMPLE)), device=self.device)
        took = 0.0
        for _ in range(3):  # the first ones warm up
            begin = time.monotonic()
            dist.all_reduce(sample)
            float(sample[0])
            took = time.monotonic() - begin
        return took * max(1.0, numbers / _SAMPLE)

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Inside, transformers and accelerate take a training for one of all processes; before and after, of one."""
        import torch
        from accelerate.state import AcceleratorState, GradientState

        threads = torch.get_num_threads()
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        try:
            with self.place.told():
                yield
        finally:
            AcceleratorState._reset_state(reset_partial_state=True)
            GradientState._reset_state()
            torch.set_num_threads(threads)  # accelerate divides what it finds

    def abort(self) -> None:
        """Whatever the device waits for ends with an error."""
        from torch.distributed import distributed_c10d

        distributed_c10d._abort_process_group()

    def leave(self) -> None:
        """Whoever waits for this process waits no longer."""
        import torch.distributed as dist

        with contextlib.suppress(RuntimeError, ValueError):
            dist.destroy_process_group()

    def _broadcast(self, numbers: np.ndarray) -> np.ndarray:
        import torch
        import torch.distributed as dist

        if numbers.size:
            dist.broadcast(torch.from_numpy(numbers), 0)
        return numbers

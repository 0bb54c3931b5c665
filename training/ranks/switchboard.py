"""What the processes of a job tell each other beside the work: who is there, who failed, that it is over.

By torchrun's own key-value store, which lives in torchrun and not in any of them. A thread with a connection of its own
looks at it each second, whatever its process is waiting for: neither a process that hangs nor one that is gone keeps
the others.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from labelwheel.training.ranks.place import Place

logger = logging.getLogger(__name__)

_SECONDS = 1.0
_LONG = timedelta(days=30)
BEGIN, OVER, FAILED = "begin", "over", "failed"


class Failure(NamedTuple):
    """What a process said before it gave up; `memory` tells that it was for want of that."""

    sentence: str
    memory: bool


class Switchboard:
    """One process's. Raises torch's DistError where the store is gone: so is torchrun, then."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.store = connect(place)
        self.store.set(f"there/{place.number}", json.dumps([socket.gethostname(), os.getpid()]))

    def those_there(self, seconds: float) -> list[int]:
        """The numbers of the others that have come by then."""
        left, deadline = set(range(self.place.total)) - {self.place.number}, time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            left = {number for number in left if not self.store.check([f"there/{number}"])}
            time.sleep(0.05)
        return [number for number in range(self.place.total) if number not in (*left, self.place.number)]

    def whereabouts(self, number: int) -> tuple[str, int]:
        """The host and the process id of one that has come."""
        host, process = json.loads(self.store.get(f"there/{number}"))
        return str(host), int(process)

    def tell(self, key: str, value: Any = True) -> None:
        """For all of them to read."""
        self.store.set(key, json.dumps(value))

    def told(self, key: str) -> Any:
        """What was told by now; None where nothing was."""
        return json.loads(self.store.get(key)) if self.store.check([key]) else None

    def failure(self) -> Failure | None:
        """The first that was told."""
        said = self.told(FAILED)
        return None if said is None else Failure(*said)

    def fail(self, error: BaseException, memory: bool) -> None:
        """Why this process cannot go on; the first one to fail is the one that is heard."""
        reason = (str(error).strip().splitlines() or [""])[0][:300]
        where = f"process {self.place.number + 1} of {self.place.total} on {socket.gethostname()}"
        said = f"{where} failed: {type(error).__name__}: {reason}"
        self.store.compare_set(FAILED, "", json.dumps([said, memory]))

    def silent(self, numbers: Iterable[int]) -> list[int]:
        """Those of the others whose watch has ended: killed, or cut off. Takes some seconds."""
        before = {number: self.told(f"beat/{number}") for number in numbers}
        time.sleep(2.5 * _SECONDS)
        return [number for number, beat in before.items() if self.told(f"beat/{number}") == beat]

    def watch(self, key: str, then: Callable[[Any], None], gone: Callable[[], None]) -> None:
        """Calls `then` with what is told by a key, or `gone` where nobody can be asked any more: once, in a thread."""
        store = connect(self.place)

        def look() -> None:
            for beat in itertools.count():
                try:
                    store.set(f"beat/{self.place.number}", json.dumps(beat))
                    if store.check([key]):
                        return then(json.loads(store.get(key)))
                except RuntimeError:
                    return gone()
                time.sleep(_SECONDS)

        threading.Thread(target=look, name="switchboard", daemon=True).start()


def connect(place: Place) -> Any:
    """A connection of its own, in which waiting has no end."""
    import torch.distributed as dist
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://", place.number, place.total, timeout=_LONG))
    return dist.PrefixStore("labelwheel", store)

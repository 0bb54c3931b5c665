"""What was shown a moment ago is shown again: ten people who keep a page open cost as much as one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

SECONDS = 2.0
MOST = 64
"""So many answers are kept; a page has some ten to a hundred kilobytes."""

Made = TypeVar("Made")


class Memo(Generic[Made]):
    """Answers of the last seconds by their key; those who ask for the same at once wait for the first of them."""

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._kept: OrderedDict[Hashable, tuple[float, Made]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Made], anew: bool = False) -> Made:
        """What was made for the key in the last seconds, or is now; `anew` makes it in any case."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        try:
            with lock:
                known = None if anew else self._kept.get(key)
                if known is not None and self._clock() - known[0] < self._seconds:
                    return known[1]
                made = make()
                with self._lock:
                    self._kept[key] = self._clock(), made
                    self._kept.move_to_end(key)
                    while len(self._kept) > MOST:
                        self._kept.popitem(last=False)
                return made
        finally:
            with self._lock:
                if not lock.locked():
                    self._locks.pop(key, None)

"""How often somebody may ask: a sliding window for each address, and one for all together."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

_ADDRESSES = 10_000
_WINDOW = 60.0


class Rate:
    """So many calls a minute from one address, and so many in all; of very many addresses the latest are known."""

    def __init__(self, each: int, together: int) -> None:
        self._each, self._together = each, together
        self._lock = threading.Lock()
        self._all: deque[float] = deque()
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, address: str, now: float | None = None) -> bool:
        """Whether one more is within the rate; it is counted where it is."""
        now = time.monotonic() if now is None else now
        with self._lock:
            own = self._by_address.setdefault(address, deque())
            self._by_address.move_to_end(address)
            while len(self._by_address) > _ADDRESSES:
                self._by_address.popitem(last=False)
            for calls in (own, self._all):
                while calls and calls[0] <= now - _WINDOW:
                    calls.popleft()
            if len(own) >= self._each or len(self._all) >= self._together:
                return False
            own.append(now)
            self._all.append(now)
            return True

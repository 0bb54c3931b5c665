"""Figures that take a while to count are counted anew after some seconds at the earliest.

Who watches a page must not slow down those who label: while a figure is counted, suggestions wait for the interpreter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

SECONDS = 30.0
"""Where somebody watches, status is asked for every second."""
LEAST, TIMES = 0.01, 250
"""What took less than so many seconds of CPU is always counted, what took more is kept for so many times that."""

Figures = TypeVar("Figures")


class Remembered(Generic[Figures]):
    """Those of each project, or of each question, in each database."""

    def __init__(self, by_cost: bool = False) -> None:
        """`by_cost` keeps figures only as long as counting them is worth: in a small project they are always true."""
        self._by_cost = by_cost
        self._lock = threading.Lock()
        self._kept: WeakKeyDictionary[Any, dict[int, tuple[float, float, int | None, Figures]]] = WeakKeyDictionary()

    def get(self, session: Session, number: int, count: Callable[[], Figures], mark: int | None = None) -> Figures:
        """What was counted last, or is now; never anew while a `mark` is the same, such as that of the newest label."""
        with self._lock:
            kept = self._kept.setdefault(session.connection().engine.pool, {})
            known = kept.get(number)
            if known is not None:
                at, cost, before, found = known
                if time.monotonic() - at < self._seconds(cost) or (mark is not None and mark == before):
                    return found
            began = time.thread_time()
            found = count()
            kept[number] = time.monotonic(), time.thread_time() - began, mark, found
            return found

    def _seconds(self, cost: float) -> float:
        if not self._by_cost:
            return SECONDS
        return min(SECONDS, TIMES * cost) if cost >= LEAST else 0.0

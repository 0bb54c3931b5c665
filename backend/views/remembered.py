"""Figures that take a while to count are counted anew after some seconds at the earliest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

SECONDS = 30.0
"""Where somebody watches, status is asked for every second."""

Figures = TypeVar("Figures")


class Remembered(Generic[Figures]):
    """Those of each project, or of each question, in each database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: WeakKeyDictionary[Any, dict[int, tuple[float, int | None, Figures]]] = WeakKeyDictionary()

    def get(self, session: Session, number: int, count: Callable[[], Figures], mark: int | None = None) -> Figures:
        """What was counted last, or is now; never anew while a `mark` is the same, such as that of the newest label."""
        with self._lock:
            kept = self._kept.setdefault(session.connection().engine.pool, {})
            known = kept.get(number)
            if known is not None:
                at, before, found = known
                if time.monotonic() - at < SECONDS or (mark is not None and mark == before):
                    return found
            found = count()
            kept[number] = time.monotonic(), mark, found
            return found

"""Somebody who asks again and again, in a thread, while something else is measured."""

from __future__ import annotations

import itertools
import threading
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Beside(ABC):
    """Asks from the start of the block to its end; `seconds` has how long each answer took."""

    def __init__(self, pause: float = 0.0) -> None:
        self._pause, self._stop = pause, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seconds: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(300)

    def _run(self) -> None:
        for turn in itertools.count(1):
            began = time.monotonic()
            self._ask(turn)
            self.seconds.append(time.monotonic() - began)
            if self._stop.wait(self._pause):
                return

    @abstractmethod
    def _ask(self, turn: int) -> None:
        """The question of a turn, which begin with 1."""

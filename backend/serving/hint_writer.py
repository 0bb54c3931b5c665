"""Hints from the labelling tools, written down in the background: a webhook's sender is an annotator who waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from labelwheel.backend.ledger.hints import Keys, together

log = logging.getLogger(__name__)

Place = tuple[str, str]
"""The tool, and the project's reference."""


class HintWriter:
    """Takes hints in microseconds, writes each place once however often it came; keeps them while the database is busy.

    `write` takes what is hinted at in each place, in one transaction; what it raises is tried again.
    """

    def __init__(self, write: Callable[[Mapping[Place, Keys]], None], limit: int = 10_000, pause: float = 0.5) -> None:
        self._write, self._limit, self._pause = write, limit, pause
        self._waiting: dict[Place, Keys] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, place: Place, keys: Keys = None) -> None:
        """Notes a hint. Beyond the limit new ones are dropped: polling finds out anyway."""
        with self._changed:
            if place in self._waiting:
                self._waiting[place] = together(self._waiting[place], keys)
            elif len(self._waiting) < self._limit:
                self._waiting[place] = keys
                self._changed.notify()

    def stop(self, seconds: float = 5.0) -> None:
        """Writes what is left, then ends."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopped:
                    self._changed.wait()
                if not self._waiting:
                    return
                taken, self._waiting = self._waiting, {}
            try:
                self._write(taken)
            except Exception as error:
                log.warning("%d hints could not be written, trying again: %s", len(taken), error)
                with self._changed:
                    for place, keys in taken.items():
                        self._waiting[place] = together(keys, self._waiting.get(place, keys))
                    if self._stopped:
                        return
                    self._changed.wait(self._pause)

"""The thread that keeps what is served up to date, and says what that is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil

from labelwheel.backend.serving import cores
from labelwheel.backend.serving.models import ServedModels

log = logging.getLogger(__name__)

FOLLOW_SECONDS, LIVELY_SECONDS = 0.5, 0.05
LIVELY = 60.0
"""So long after something was swapped the next one is expected: newer heads come label by label."""

REPORT_SECONDS = 2.0

Report = Callable[[dict[str, str], dict[str, dict[str, str]], dict[str, Any], float], None]
"""Takes generation by project id, problems by project id, what models are held, and this process's memory in MB."""


class Follower:
    """Follows the champions in the database; reports at once when something changed, and as a heartbeat."""

    def __init__(self, served_models: ServedModels, report: Report, follow_seconds: float = FOLLOW_SECONDS) -> None:
        self._served_models, self._report, self._follow_seconds = served_models, report, follow_seconds
        self._poked = threading.Event()
        self._stopped = False
        self._last: tuple[object, ...] | None = None
        self._reported = 0.0
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._beat = threading.Thread(target=self._heartbeat, name="heartbeat", daemon=True)
        self._lock = threading.Lock()

    def start(self) -> None:
        self._thread.start()
        self._beat.start()

    def poke(self) -> None:
        """Look now."""
        self._poked.set()

    def stop(self) -> None:
        """Returns when nothing will be reported any more."""
        with self._lock:
            self._stopped = True
        self._poked.set()

    def _run(self) -> None:
        cores.take_all()  # loading a model is computing, too
        trouble, swapped = "", time.monotonic()
        while not self._stopped:
            try:
                if self._served_models.follow():
                    swapped = time.monotonic()
                self._say()
                trouble = ""
            except Exception as error:
                # what is served stays; the same trouble twice a second would fill the log
                if type(error).__name__ != trouble:
                    log.exception("cannot follow the champions at the moment, what is served stays")
                trouble = type(error).__name__
            lively = time.monotonic() - swapped < LIVELY
            self._poked.wait(min(self._follow_seconds, LIVELY_SECONDS) if lively else self._follow_seconds)
            self._poked.clear()

    def _heartbeat(self) -> None:
        # a thread of its own: a large model takes longer to load than a heartbeat may stay away
        while not self._stopped:
            time.sleep(REPORT_SECONDS / 4)
            try:
                self._say()
            except Exception as error:
                log.warning("cannot report what is served: %s", error)
                time.sleep(REPORT_SECONDS)

    def _say(self) -> None:
        with self._lock:
            now = (self._served_models.serving, self._served_models.problems, self._served_models.models)
            if self._stopped:
                return
            if now == self._last and time.monotonic() - self._reported < REPORT_SECONDS:
                return
            self._report(*now, psutil.Process().memory_info().rss / 1e6)
            self._last, self._reported = now, time.monotonic()

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

JOINING_SECONDS = 2.0
"""So long a new process waits where there are others: each of them has to know of it before it answers anybody."""

Report = Callable[[dict[str, str], dict[str, dict[str, str]], dict[str, Any], float, dict[str, str]], None]
"""Takes generation by project id, problems by project id, what models are held, this process's memory in MB, and
generation by project id again: what it is ready to serve."""


class Follower:
    """Follows the champions in the database; reports at once when something changed, and as a heartbeat."""

    def __init__(
        self,
        served_models: ServedModels,
        report: Report,
        follow_seconds: float = FOLLOW_SECONDS,
        joins: Callable[[], bool] = lambda: False,
    ) -> None:
        """`joins` tells whether there are other web processes at the start."""
        self._served_models, self._report, self._follow_seconds = served_models, report, follow_seconds
        self._joins = joins
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

    def step(self) -> bool:
        """Follows and reports, once; True where anything changed, and the next step may bring more."""
        changed = self._served_models.follow()
        self._say()
        return changed

    def _run(self) -> None:
        cores.take_all()  # loading a model is computing, too
        self._join()
        trouble, swapped = "", time.monotonic()
        while not self._stopped:
            try:
                changed = self.step()
                trouble = ""
                if changed:
                    swapped = time.monotonic()
                    continue  # what was got ready may answer now
            except Exception as error:
                # what is served stays; the same trouble twice a second would fill the log
                if type(error).__name__ != trouble:
                    log.exception("cannot follow the champions at the moment, what is served stays")
                trouble = type(error).__name__
            lively = time.monotonic() - swapped < LIVELY
            self._poked.wait(min(self._follow_seconds, LIVELY_SECONDS) if lively else self._follow_seconds)
            self._poked.clear()

    def _join(self) -> None:
        """Makes this process known, before it answers anybody."""
        try:
            self._say()
            if self._joins():
                time.sleep(JOINING_SECONDS)
        except Exception as error:
            log.warning("cannot report that this process is there: %s", error)

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
            models = self._served_models
            now = (models.serving, models.problems, models.models, models.prepared)
            if self._stopped:
                return
            if now == self._last and time.monotonic() - self._reported < REPORT_SECONDS:
                return
            serving, problems, held, prepared = now
            self._report(serving, problems, held, psutil.Process().memory_info().rss / 1e6, prepared)
            self._last, self._reported = now, time.monotonic()

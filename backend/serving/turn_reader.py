"""Looks at which turn a project is on, once for all requests that wait for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from labelwheel.backend.trouble import line

log = logging.getLogger(__name__)


class TurnReader:
    """`look(project)` reads the database, and `alone()` tells that no other web process answers. Any thread may ask."""

    def __init__(self, look: Callable[[int], int], alone: Callable[[], bool]) -> None:
        self._look, self._alone = look, alone
        self._lock = threading.Lock()
        self._looking: dict[int, Future[int | None]] = {}
        self._next: dict[int, Future[int | None]] = {}
        self._away = False

    def latest(self, project: int) -> int | None:
        """The turn that a project is on now; None where what is in memory holds.

        That is so where no other process answers, and where nobody can tell, as the database is away.
        """
        if self._alone():
            return None
        with self._lock:
            found = self._next.get(project)
            before = self._looking.get(project)
            mine = found is None
            if found is None:
                found = self._next[project] = Future()
        if mine:
            # one that is on its way may have looked before the turn was taken
            if before is not None:
                before.result()
            with self._lock:
                self._looking[project] = self._next.pop(project)
            found.set_result(self._looked(project))
            with self._lock:
                if self._looking.get(project) is found:
                    del self._looking[project]
        return found.result()

    def _looked(self, project: int) -> int | None:
        try:
            turn = self._look(project)
        except Exception as error:
            if not self._away:
                log.warning("what was served last is served on, whatever others serve: %s", line(error))
            self._away = True
            return None
        self._away = False
        return turn

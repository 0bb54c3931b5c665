"""Trouble: work that fails is tried again, ever more seldom, and told once instead of with each try."""

from __future__ import annotations

import logging
import random
import time

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from labelwheel.training.errors import LabelwheelError, LauncherUnreachable, StoreUnreachable

_LONGEST = 60.0
_TOLD = 50


class Trouble:
    """What keeps one piece of work from being done. `problem` is one line for people, None while all is well."""

    def __init__(self, log: logging.Logger, what: str, longest: float = _LONGEST) -> None:
        self._log, self._what, self._longest = log, what, longest
        self._failures = 0
        self._again = 0.0
        self._traced: set[object] = set()
        self._told: set[object] = set()
        self.problem: str | None = None

    @property
    def pause(self) -> float:
        """Seconds until the next try; 0 where it is due."""
        return max(0.0, self._again - time.monotonic()) if self._failures else 0.0

    @property
    def failures(self) -> int:
        """How often in a row it has failed."""
        return self._failures

    def note(self, error: Exception) -> None:
        """It failed: a line for each error that is new, with its traceback where nobody expected it."""
        self._failures += 1
        pause = min(self._longest, 2.0 ** min(self._failures - 1, 10)) * random.uniform(0.75, 1.25)  # noqa: S311
        self._again = time.monotonic() + pause
        self.problem = line(error)
        mark = _mark(error)
        if mark in self._told or len(self._told) >= _TOLD:
            return
        self._told.add(mark)
        unexpected = not _expected(error) and mark not in self._traced and len(self._traced) < _TOLD
        if unexpected:
            self._traced.add(mark)
        self._log.warning(
            "%s: %s; trying again, ever more seldom", self._what, self.problem, exc_info=error if unexpected else None
        )

    def over(self) -> bool:
        """It was done; True where it had failed before."""
        before, self._failures, self.problem = self._failures > 0, 0, None
        self._told.clear()
        return before


def line(error: BaseException) -> str:
    """An exception as one line that people can use; it is kept short, as it may quote what somebody sent."""
    said = " ".join(str(error).split())[:500]
    if isinstance(error, LabelwheelError):
        return said
    if fleeting(error):
        return f"the database does not answer: {' '.join(str(getattr(error, 'orig', error)).split())[:200]}"
    name = type(error).__name__
    return f"this was not expected: {name}: {said[:200]}; the log has all of it, for whoever mends it"


def fleeting(error: BaseException) -> bool:
    """Whether it lies with the database, the store or what runs jobs, each of which may be away for a moment."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, OperationalError | InterfaceError | StoreUnreachable | LauncherUnreachable)


def _expected(error: Exception) -> bool:
    return isinstance(error, LabelwheelError) or fleeting(error)


def _mark(error: Exception) -> object:
    """What makes two errors the same: an expected one's words, and where in the code any other was raised."""
    if _expected(error):
        return type(error), line(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return type(error), *((trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else (str(error),))

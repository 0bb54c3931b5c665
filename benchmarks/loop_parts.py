"""CPU and SQL statements of the worker's loop, by its parts."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, event

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.revisions.fast_lane import FastLane
from labelwheel.backend.rounds.runner import Runner
from labelwheel.backend.tuning.tuner import Tuner
from labelwheel.backend.worker.inspection_loop import InspectionLoop
from labelwheel.backend.worker.main import Worker
from labelwheel.backend.worker.project_loop import ProjectLoop


class Spent:
    """CPU seconds and statements by part of the loop, of whichever thread."""

    PARTS = (
        (ProjectLoop, "step", "see what there is to do"), (FastLane, "step", "follow labels"),
        (Runner, "step", "rounds"), (Tuner, "step", "searches"), (InspectionLoop, "step", "inspections"),
        (Worker, "_attend", "look for projects"), (Hold, "renew", "renew the lease"),
    )  # fmt: skip

    def __init__(self) -> None:
        self.cpu, self.statements, self.calls = Counter[str](), Counter[str](), Counter[str]()
        self._here, self._lock = threading.local(), threading.Lock()

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Counts while the block lasts."""
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in self.PARTS]
        part = ProjectLoop._part
        for (owner, name, part_of), (_, _, real) in zip(self.PARTS, before, strict=True):
            setattr(owner, name, self._counting(real, part_of))
        ProjectLoop._part = lambda loop, name, work: self._in(name, part, loop, name, work)  # type: ignore[method-assign]
        event.listen(Engine, "after_cursor_execute", self._executed)
        try:
            yield
        finally:
            event.remove(Engine, "after_cursor_execute", self._executed)
            for owner, name, real in (*before, (ProjectLoop, "_part", part)):
                setattr(owner, name, real)

    def clear(self) -> None:
        """Forgets what was counted so far."""
        with self._lock:
            for each in (self.cpu, self.statements, self.calls):
                each.clear()

    def _counting(self, real: Any, name: str) -> Any:
        return lambda *arguments, **more: self._in(name, real, *arguments, **more)

    def _in(self, part: str, real: Any, *arguments: Any, **more: Any) -> Any:
        outer, began = getattr(self._here, "part", None), time.thread_time()
        inside, self._here.inside = getattr(self._here, "inside", 0.0), 0.0
        self._here.part = part
        try:
            return real(*arguments, **more)
        finally:
            took = time.thread_time() - began
            with self._lock:
                self.cpu[part] += took - self._here.inside
                self.calls[part] += 1
            self._here.part, self._here.inside = outer, inside + took

    def _executed(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        part = getattr(self._here, "part", None)
        if part is not None:
            with self._lock:
                self.statements[part] += 1

"""Real exceptions where a test wants them: at the nth of the worker's statements, commits, calls and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from labelwheel.backend.database.engine import Database
from labelwheel.plugins.testing.fake_tool import FakeConnector

ERRORS: tuple[Callable[[], Exception], ...] = (
    lambda: OperationalError("SELECT 1", {}, Exception("disk I/O error")),
    lambda: SQLAlchemyError("something is wrong with the session"),
    lambda: OverflowError("int too large to convert to float"),
    lambda: KeyError("c"),
    lambda: OSError(28, "No space left on device"),
)
"""What the field has seen, each made anew: an exception that is raised twice carries its first traceback."""


class Faults:
    """Counts the places where something can go wrong; `at` raises at some of them.

    A place is "statement TEXT", "commit after TEXT", "call NAME" or "page of NAME"; `hit(place, number)` says what to
    raise there, if anything; `number` counts all places so far.
    """

    def __init__(self, hit: Callable[[str, int], Exception | None] = lambda place, number: None) -> None:
        self.hit = hit
        self.count = 0
        self.raised: list[str] = []
        self._last = ""

    def at(self, place: str) -> None:
        self.count += 1
        error = self.hit(place, self.count)
        if error is not None:
            self.raised.append(f"{place}: {error!r}")
            raise error

    @contextmanager
    def of(self, database: Database) -> Iterator[None]:
        """Every statement and commit over this database's connections is a place."""

        def statement(connection: Any, cursor: Any, text: str, *_: Any) -> None:
            self._last = " ".join(text.split())
            self.at(f"statement {self._last}")

        def commit(connection: Any) -> None:
            self.at(f"commit after {self._last}")

        event.listen(database._engine, "before_cursor_execute", statement)
        event.listen(database._engine, "commit", commit)
        try:
            yield
        finally:
            event.remove(database._engine, "before_cursor_execute", statement)
            event.remove(database._engine, "commit", commit)


class FaultyConnector(FakeConnector):
    """Every call of the tool, and every page of a walk, is a place."""

    faults = Faults()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in ("config", "wire", "unwire", "announce", "fetch", "push", "rank", "retire"):
            return lambda *given: (self.faults.at(f"call {name}"), found(*given))[1]
        if name in ("poll", "sweep", "waiting"):
            return lambda *given: self._pages(name, found(*given))
        return found

    def _pages(self, name: str, pages: Iterator[Any]) -> Iterator[Any]:
        self.faults.at(f"call {name}")
        for page in pages:
            yield page
            self.faults.at(f"page of {name}")

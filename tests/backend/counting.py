"""Counts the statements that this process executes, and the rows that they bring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from sqlalchemy import Engine, event
from sqlalchemy.engine.cursor import BufferedRowCursorFetchStrategy, CursorFetchStrategy


@dataclass
class Counted:
    """What was executed so far, and how many rows were fetched."""

    statements: list[str] = field(default_factory=list)
    rows: int = 0


@contextmanager
def counted() -> Iterator[Counted]:
    """Counts while the block lasts, whoever executes."""
    found = Counted()

    def executed(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        found.statements.append(statement)

    def counting(real: Any) -> Any:
        def fetch(*arguments: Any, **more: Any) -> Any:
            rows = real(*arguments, **more)
            found.rows += len(rows) if isinstance(rows, list) else rows is not None
            return rows

        return fetch

    event.listen(Engine, "after_cursor_execute", executed)
    try:
        with mock.patch.multiple(
            CursorFetchStrategy,
            **{name: counting(getattr(CursorFetchStrategy, name)) for name in ("fetchone", "fetchmany", "fetchall")},
        ), mock.patch.multiple(
            BufferedRowCursorFetchStrategy,
            **{
                name: counting(getattr(BufferedRowCursorFetchStrategy, name))
                for name in ("fetchone", "fetchmany", "fetchall")
            },
        ):  # fmt: skip
            yield found
    finally:
        event.remove(Engine, "after_cursor_execute", executed)

"""Lists of tasks that Label Studio cannot make as a whole: a row whose annotation is torn breaks even one of ids.

A page of one task breaks only where that task is to blame, so a list is put together by position, and the ids of those
that cannot even be listed are sought between their neighbours'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from labelwheel.plugins.errors import ToolError, ToolFailed
from labelwheel.plugins.halving import halved

Row = dict[str, Any]

TORN = 20
"""So many tasks that cannot be listed are a tool that is broken, not tasks that are."""
GAP = 10_000
"""So many ids behind its neighbour are tried for a task that cannot be listed."""
TRIED = 100
"""So many ids in one query."""


class Read(Protocol):
    """One page of a list; pages count from 1."""

    def __call__(self, *, page: int, size: int) -> Sequence[Row]: ...


def by_position(read: Read, size: int) -> list[Row | None]:
    """The first `size` rows, with None in place of those that Label Studio cannot list; ToolFailed where too many."""
    return _Positions(read).block(0, 1 << max(size - 1, 0).bit_length())[:size]


class _Positions:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._torn = 0

    def block(self, start: int, size: int) -> list[Row | None]:
        try:
            return list(self._read(page=start // size + 1, size=size))
        except ToolFailed:
            if size == 1:
                self._torn += 1
                if self._torn > TORN:
                    raise
                return [None]
        except ToolError as error:
            if error.http_status == 404 and start:
                return []  # behind the end
            raise
        half = size // 2
        found = self.block(start, half)
        return found + self.block(start + half, half) if len(found) == half else found


def ids(rows: Sequence[Row | None], behind: int, probe: Callable[[Sequence[int]], Sequence[Row]]) -> list[int]:
    """The ids of rows that are in their order, the first of them greater than `behind`.

    `probe` lists the tasks with given ids. Raises ToolFailed where a task that cannot be listed is not found: to go on
    without its id would take its labels for deleted.
    """
    found: list[int] = []
    lost = 0
    for row in rows:
        if row is None:
            lost += 1
            continue
        found += _between(found[-1] if found else behind, int(row["id"]), lost, probe)
        found.append(int(row["id"]))
        lost = 0
    return found + _between(found[-1] if found else behind, None, lost, probe)


def _between(low: int, high: int | None, count: int, probe: Callable[[Sequence[int]], Sequence[Row]]) -> list[int]:
    found: list[int] = []
    end = min(low + 1 + GAP, high) if high is not None else low + 1 + GAP
    for start in range(low + 1, end, TRIED):
        if len(found) >= count:
            break
        _, failed = halved(range(start, min(start + TRIED, end)), probe)
        found += failed
    if len(found) < count:
        raise ToolFailed(
            f"Label Studio cannot list {count - len(found)} tasks with ids from {low + 1} on: its database is damaged "
            "there, and its own log says how. Repair or delete them"
        )
    return sorted(found)[:count]

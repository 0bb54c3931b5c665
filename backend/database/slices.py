"""Long lists in pieces: a database takes so many values in one statement, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

SIZE = 500
"""SQLite's limit is 32,766 values, PostgreSQL's driver's 65,535; one plan for thousands is slower than several."""


def sliced(values: Iterable[T], size: int = SIZE) -> Iterator[list[T]]:
    """The values in lists of `size`, in their order, the last one shorter; nothing for none."""
    rest = iter(values)
    while piece := list(islice(rest, size)):
        yield piece

"""A walk through a connector's pages, which no exception survives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from labelwheel.plugins.connector import Page


class Walk:
    """What one call of `poll`, `sweep` or `waiting` brings, page by page; may be kept while nothing goes wrong.

    A generator that has raised says afterwards that there is nothing more, and a page whose taking failed would never
    come again. So a walk is over with the first exception, whoever raised it: begin another one at the stored cursor.
    """

    def __init__(self, pages: Iterator[Page]) -> None:
        self._pages = pages
        self.goes_on = True

    @contextmanager
    def page(self) -> Iterator[Page | None]:
        """The next page, for the block that takes it; None, and only then, where all pages were taken."""
        if not self.goes_on:
            raise RuntimeError("this walk is over; begin another one")
        self.goes_on = False
        page = next(self._pages, None)
        yield page
        self.goes_on = page is not None

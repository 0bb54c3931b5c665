"""What people did, read from Argilla: the whole dataset, whenever something in it has moved.

Nothing says which responses changed: `updated_at` of a record stays when an answer is edited, and the search index
keeps an old one. But the dataset's `last_activity_at` moves with every response, at the cost of a small call; then all
records are listed, some thousand a second, and only what differs from the listing before is handed on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

from labelwheel.plugins.argilla import fields
from labelwheel.plugins.argilla.dataset import Dataset, Row
from labelwheel.plugins.argilla.layout import Layout
from labelwheel.plugins.argilla.responses import work_of
from labelwheel.plugins.connector import Aside, Page

LISTED = 500
"""Argilla lists 1000 records at once at most, and a listing may have to look back."""
PAGE = 200
REST = 4.0
"""After a listing, so many times as long without one: it takes a fifth of Argilla's time at most."""


class Poller:
    """Remembers what a listing brought, a few bytes for each record, so that the next hands on what is new."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._known: dict[str, int] = {}
        self._layout: Layout | None = None
        self._again = 0.0

    def poll(self, cursor: str | None) -> Iterator[Page]:
        """Pages of changed records; the cursor moves with the last one, so a poll that breaks off begins anew."""
        pulse = self._dataset.pulse()
        if pulse == cursor or time.monotonic() < self._again:
            return
        layout = self._dataset.layout
        if layout != self._layout:
            self._known, self._layout = {}, layout
        there: set[str] = set()
        began, elsewhere = time.monotonic(), 0.0
        for listing in self._dataset.scan(("responses",), LISTED):
            marks = {str(row["id"]): mark(row) for row in listing.rows}
            there |= marks.keys() | {one.key for one in listing.aside}
            if listing.aside:
                yield Page(aside=listing.aside, cursor=cursor or "")
            changed = [row for row in listing.rows if self._known.get(row["id"]) != marks[row["id"]]]
            for start in range(0, len(changed), PAGE):
                rows = changed[start : start + PAGE]
                left = time.monotonic()
                yield page(layout, rows, cursor or "")
                elsewhere += time.monotonic() - left
                # only now is it known that the page was taken
                self._known |= {row["id"]: marks[row["id"]] for row in rows}
        missing = sorted(self._known.keys() - there)
        present = self._dataset.present(missing)
        gone = tuple(key for key in missing if key not in present)
        self._again = time.monotonic() + REST * (time.monotonic() - began - elsewhere)
        yield Page(gone=gone, cursor=pulse)
        for key in gone:
            del self._known[key]


def sweep(dataset: Dataset, cursor: str | None) -> Iterator[Page]:
    """Pages of all records."""
    for listing in dataset.scan(("responses",), PAGE, cursor):
        yield page(dataset.layout, listing.rows, listing.cursor, listing.aside)


def fetch(dataset: Dataset, keys: Sequence[str]) -> Page:
    """Some records as they are now. The index that finds them may be late, so Argilla is asked for what it lacks."""
    rows, failed = dataset.some(list(dict.fromkeys(keys)), ("responses",))
    if failed:
        dataset.get()  # raises where Argilla itself has broken down; else they are left to the sweep
    met = {str(row["id"]) for row in rows} | failed
    gone = tuple(key for key in dict.fromkeys(keys) if key not in met and dataset.lacks(key))
    return page(dataset.layout, rows, "").model_copy(update={"gone": gone})


def page(layout: Layout, rows: Sequence[Row], cursor: str, aside: tuple[Aside, ...] = ()) -> Page:
    """Records with their responses as a page."""
    examples = tuple(layout.example(row) for row in rows)
    work = tuple(one for row, example in zip(rows, examples, strict=True) for one in work_of(layout, row, example))
    refreshed = tuple(example.key for example in examples)
    return Page(examples=examples, work=work, refreshed=refreshed, aside=aside, cursor=cursor)


def mark(row: Row) -> int:
    """Names what stands in a record and its responses."""
    responses: list[list[Any]] = sorted(
        [str(one.get(key)) for key in ("id", "updated_at", "status")] for one in row.get("responses") or []
    )
    said = json.dumps([row.get("fields"), fields.metadata(row), responses], sort_keys=True, default=str)
    return int.from_bytes(hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest())

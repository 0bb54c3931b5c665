"""One dataset over the API: which one it is, what it asks, and its records page by page."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from labelwheel.plugins.argilla.client import Client, Missing, Rejected
from labelwheel.plugins.argilla.finding import find, gone
from labelwheel.plugins.argilla.layout import Layout, read
from labelwheel.plugins.connector import Aside, Config
from labelwheel.plugins.errors import ToolError, ToolFailed, ToolRefused
from labelwheel.plugins.halving import halved
from labelwheel.plugins.limits import clean

SEARCHED = 250
"""So many ids may be asked for at once."""
START = "[0, []]"
"""The cursor before the first record."""
NAMELESS = 5
"""More records of a page whose id cannot be had either, and it is the listing that is broken, not the records."""
KEY = re.compile(r"[0-9A-Za-z-]+")
"""What an id may consist of."""
ASIDE = "set aside"
"""The key under which a stand-in for a record says why there is no more of it."""

log = logging.getLogger(__name__)

Row = dict[str, Any]


class Listing(NamedTuple):
    """Records in the order in which they were added; `cursor` is where the next ones begin.

    `aside` are those that Argilla fails to show.
    """

    rows: list[Row]
    cursor: str
    aside: tuple[Aside, ...] = ()


class Dataset:
    """Reads one dataset. It is found by name once; its questions are read at each `config`."""

    def __init__(self, client: Client, name: str, known: str | None = None) -> None:
        self.client = client
        self.name = name
        self._known = known
        self._id: str | None = None
        self._layout: Layout | None = None
        self._several = False
        self._told: set[str] = set()

    @property
    def id(self) -> str:
        """Argilla's id of the dataset."""
        if self._id is None:
            self._id = find(self.client, self.name, self._known)
        return self._id

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/datasets/{self.id}"

    @property
    def layout(self) -> Layout:
        """Fields and questions as they were last read."""
        if self._layout is None:
            self.config()
        assert self._layout is not None
        return self._layout

    @property
    def shown(self) -> tuple[str, ...]:
        """What to ask for with the records that suggestions are shown for, so that `is_open` can tell."""
        assert self.layout
        # a pending record has no answer yet where one is enough, and responses are more to read
        return ("suggestions", "responses") if self._several else ("suggestions",)

    def get(self) -> Row:
        """The dataset as the API shows it."""
        path = self.path
        try:
            found = self.client.get(path)
        except Missing:
            self._id = None  # one of the same name may have been made since
            raise gone(self.client, self.name) from None
        if not isinstance(found, dict) or "last_activity_at" not in found:
            raise ToolError(f"{self.client.url} does not answer like Argilla 2: is this its address?")
        return found

    def config(self) -> Config:
        """What the dataset asks now."""
        role = self.client.get("/me").get("role")
        if role not in ("owner", "admin"):
            raise ToolRefused(
                f"The API key is that of an {role}: it takes an admin's or an owner's to suggest and to read"
            )
        found = self.get()
        if found.get("status") != "ready":
            raise ToolError(f"Dataset {self.name!r} is a draft: publish it in Argilla, then connect again")
        fields = self.client.get(f"{self.path}/fields")["items"]
        asked = self.client.get(f"{self.path}/questions")["items"]
        self._several = (found.get("distribution") or {}).get("min_submitted", 1) > 1
        self._layout = layout = read(fields, asked)
        shown = ("name", "title", "settings")
        parts = [
            [{key: one.get(key) for key in shown} for one in items if isinstance(one, Mapping)]
            for items in (fields, asked)
        ]
        return Config(
            reference=self.id,
            title=clean(str(found.get("name"))),
            source=clean(json.dumps({"fields": parts[0], "questions": parts[1]}, ensure_ascii=False, sort_keys=True)),
            questions=layout.questions,
            unlearnt=tuple(layout.unlearnt),
        )

    def pulse(self) -> str:
        """Changes with all that people do in Argilla, and when records come and go; two small calls."""
        moved = self.get()["last_activity_at"]
        progress = self.client.get(f"{self.path}/progress")
        return json.dumps([moved, *(progress.get(key) for key in ("total", "completed", "pending"))])

    def present(self, keys: Sequence[str]) -> set[str]:
        """Those of some records that are there, or that Argilla fails to look for."""
        rows, failed = self.some(keys, ())
        return {str(row["id"]) for row in rows} | failed

    def found(self, keys: Sequence[str], include: Iterable[str]) -> dict[str, Row]:
        """Some records as they are now, by id; those that are gone, or that Argilla fails to show, are left out."""
        return {str(row["id"]): row for row in self.some(keys, include)[0]}

    def some(self, keys: Sequence[str], include: Iterable[str]) -> tuple[list[Row], set[str]]:
        """Some records as they are now, in no order, and the keys of those that Argilla fails to show."""
        found: list[Row] = []
        failed: set[str] = set()
        for start in range(0, len(keys), SEARCHED):
            rows, bad = halved(keys[start : start + SEARCHED], lambda some: self.search(some, include))
            found += rows
            failed |= bad.keys()
        return found, failed

    def lacks(self, key: str) -> bool:
        """Whether Argilla itself says that there is no such record, which a search that does not find it does not."""
        try:
            if KEY.fullmatch(key):
                self.client.get(f"/records/{key}", attempts=1)
        except Missing:
            return True
        except (Rejected, ToolFailed, ToolRefused):
            return False
        return False

    def search(self, keys: Sequence[str], include: Iterable[str] = ()) -> list[Row]:
        """Some records as they are now, in no order; those that are gone are left out. At most SEARCHED keys."""
        scope = {"entity": "record", "property": "id"}
        body = {"filters": {"and": [{"type": "terms", "scope": scope, "values": list(keys)}]}}
        params = {"limit": SEARCHED, "include": list(include)}
        with _over_rows():
            found = self.client.ask("POST", f"{self.path}/records/search", json=body, params=params)
        return [item["record"] for item in found["items"]]

    def first(self, order: Mapping[str, str], limit: int, include: Iterable[str]) -> list[Row]:
        """The pending records that come first in an order, in Argilla's terms of a scope, ascending."""
        scope = {"entity": "record", "property": "status"}
        sort = [{"scope": dict(order), "order": "asc"}]
        body = {"filters": {"and": [{"type": "terms", "scope": scope, "values": ["pending"]}]}, "sort": sort}
        params = {"limit": limit, "include": list(include)}
        found = self.client.ask("POST", f"{self.path}/records/search", json=body, params=params)
        return [item["record"] for item in found["items"]]

    def numbered(self, name: str) -> list[Row]:
        """The first records that have a number from 1 on in a metadata property, at most SEARCHED, ascending."""
        scope = {"entity": "metadata", "metadata_property": name}
        body = {
            "filters": {"and": [{"type": "range", "scope": scope, "ge": 1}]},
            "sort": [{"scope": scope, "order": "asc"}],
        }
        found = self.client.ask("POST", f"{self.path}/records/search", json=body, params={"limit": SEARCHED})
        rows = [item["record"] for item in found["items"]]
        # what is written at this moment may be another than it was found by
        return [row for row in rows if isinstance((row.get("metadata") or {}).get(name), int)]

    def scan(self, include: Iterable[str], size: int, cursor: str | None = None) -> Iterator[Listing]:
        """All records behind the cursor, in pages.

        Argilla pages by number, so that a record that is deleted meanwhile would move another one out of sight. Each
        page therefore begins with the last record of the one before; where it does not, it is looked for further ahead.
        """
        place, last = json.loads(cursor) if cursor else (0, [])
        known = list(last)
        while True:
            back = 1 if known else 0
            page = self._list(place - back, size + back, include)
            if known and (not page or page[0]["id"] != known[-1]):
                start = max(0, place - 2 * size)
                page = self._list(start, 2 * size, include)
                met = [number for number, row in enumerate(page) if row["id"] in known]
                if not met and start:
                    place, known = start, []
                    continue
                behind = met[-1] + 1 if met else 0
                page, place = page[behind : behind + size], start + behind
            else:
                page = page[back:]
            place += len(page)
            known = [row["id"] for row in page] or known
            if page:
                rows = [row for row in page if ASIDE not in row]
                aside = tuple(row[ASIDE] for row in page if ASIDE in row)
                yield Listing(rows, json.dumps([place, known[-1:]]), aside)
            if len(page) < size and not self._list(place, 1, ()):
                return

    def _list(self, offset: int, limit: int, include: Iterable[str]) -> list[Row]:
        """So many records from one on, with a stand-in for each that makes Argilla itself fail."""
        try:
            return self._read(offset, limit, include)
        except ToolFailed:
            total = self._total()
        places = range(offset, min(offset + limit, total))

        def read(some: Sequence[int]) -> list[tuple[int, Row]]:
            return list(zip(some, self._read(some[0], len(some), include, attempts=1), strict=False))

        found, failed = halved(places, read)
        stand_ins = {place: self._stand_in(place, error) for place, error in failed.items()}
        if sum(not row[ASIDE].named for row in stand_ins.values()) > NAMELESS:
            raise next(iter(failed.values()))
        if self._total() != total:  # or Argilla has broken down, which raises
            return self._list(offset, limit, include)
        for key, row in ((row["id"], row) for row in stand_ins.values()):
            if key not in self._told:
                log.warning("record %s is set aside until the next sweep: %s", key, row[ASIDE].reason)
            self._told.add(key)
        return [row for _, row in sorted([*found, *stand_ins.items()], key=lambda item: item[0])]

    def _stand_in(self, place: int, error: ToolFailed) -> Row:
        try:
            light = self._read(place, 1, (), attempts=1)
        except ToolFailed:
            light = []
        key = str(light[0]["id"]) if light else f"#{place}"
        return {"id": key, ASIDE: Aside(key=key, reason=str(error), named=bool(light))}

    def _total(self) -> int:
        return int(self.client.get(f"{self.path}/progress").get("total") or 0)

    def _read(self, offset: int, limit: int, include: Iterable[str], attempts: int | None = None) -> list[Row]:
        params = {"offset": max(offset, 0), "limit": limit, "include": list(include)}
        with _over_rows():
            found = self.client.get(f"{self.path}/records", params, attempts=attempts)
        items = found.get("items") if isinstance(found, dict) else None
        if not isinstance(items, list):
            raise ToolError(f"{self.client.url}/api/v1{self.path}/records does not answer like Argilla")
        return items


@contextlib.contextmanager
def _over_rows() -> Iterator[None]:
    """Argilla answers 422 to a row of its own that it cannot read, as if the fault were in what it was asked for."""
    try:
        yield
    except Rejected as error:
        failed = ToolFailed(str(error))
        failed.http_status = error.http_status
        raise failed from None


def merged(record: Mapping[str, Any], **values: Any) -> Row:
    """A record's metadata with some of it set, or taken away where the value is None; Argilla replaces it whole."""
    metadata = {**(record.get("metadata") or {}), **values}
    return {key: value for key, value in metadata.items() if value is not None or key not in values}

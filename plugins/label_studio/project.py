"""One project over the API: its settings, its label config, and its tasks by the Data Manager's queries."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labelwheel.plugins.alternatives import SHOWN, alternatives
from labelwheel.plugins.connector import Aside, Config
from labelwheel.plugins.errors import ToolError, ToolFailed
from labelwheel.plugins.halving import halved
from labelwheel.plugins.label_studio import listing
from labelwheel.plugins.label_studio.annotations import moment
from labelwheel.plugins.label_studio.client import Client
from labelwheel.plugins.label_studio.layout import Layout, read
from labelwheel.plugins.limits import clean

ANNOTATION = "result,completed_by,was_cancelled,created_at,lead_time,parent_prediction"
FULL = f"id,data,meta,updated_at,predictions,annotations,{ANNOTATION}"
"""The fields to ask for: one list for tasks and, by the same names, for the annotations within them."""
PAGE = 100
LISTED = 50
"""So many pages of projects are looked through for a title."""
ADDRESS = re.compile(r"^https?://.*/projects/(\d{1,18})(?![^/?#])")
PATIENT = 5
"""After so many tasks that were set aside, the next ones are not tried again and again."""

Filter = dict[str, Any]

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Tasks, those that Label Studio could not show, and the ids of both, in order."""

    tasks: list[dict[str, Any]]
    aside: tuple[Aside, ...]
    ids: list[int]


class Project:
    """Reads one project. Its label config is read once, and again at each `config`."""

    def __init__(self, client: Client, identity: str, known: int | None = None) -> None:
        self.client = client
        self._identity = identity.strip()
        self._id = _number(self._identity) or known
        self._layout: Layout | None = None
        self._told: set[int] = set()

    @property
    def known(self) -> int | None:
        """Its number, where nothing has to be asked for it."""
        return self._id

    @property
    def id(self) -> int:
        """Its number, sought by its title where people gave that."""
        if self._id is None:
            self._id = self._find()
        return self._id

    def get(self) -> dict[str, Any]:
        """The project as the API shows it."""
        try:
            found = self.client.get(f"/api/projects/{self.id}/")
        except ToolError as error:
            if error.http_status == 404:
                raise self._missing() from None
            raise
        if not isinstance(found, dict) or "label_config" not in found:
            raise ToolError(f"{self.client.url} does not answer like Label Studio")
        return found

    def patch(self, **settings: Any) -> None:
        """Change settings."""
        self.client.send("PATCH", f"/api/projects/{self.id}/", settings)

    def config(self) -> Config:
        """What the project asks now."""
        found = self.get()
        source = str(found["label_config"])
        self._layout = layout = read(source)
        return Config(
            reference=reference(found),
            title=clean(str(found.get("title") or f"project {self.id}")),
            source=source,
            questions=layout.questions,
            unlearnt=layout.unlearnt,
        )

    @property
    def layout(self) -> Layout:
        """The label config as it was last read."""
        if self._layout is None:
            self.config()
        assert self._layout is not None
        return self._layout

    def tasks(
        self,
        *filters: Filter,
        order: str = "tasks:id",
        size: int = PAGE,
        include: str = FULL,
        page: int = 1,
        only: Sequence[int] | None = None,
        attempts: int | None = None,
    ) -> list[dict[str, Any]]:
        """A page of `size` tasks that pass all filters, in order; `only` these ids."""
        query: dict[str, Any] = {"ordering": [order]}
        if filters:
            query["filters"] = {"conjunction": "and", "items": list(filters)}
        if only is not None:
            query["selectedItems"] = {"all": False, "included": list(only)}
        params = {
            "project": self.id,
            "query": json.dumps(query),
            "page": page,
            "page_size": size,
            "include": include,
            "fields": "all",
            "resolve_uri": "false",
        }
        try:
            found = self.client.get("/api/tasks", params, attempts=attempts)
        except ToolError as error:
            if error.http_status != 404 or page > 1:  # there is no such page
                raise
            raise self._missing() from None
        tasks = found.get("tasks") if isinstance(found, dict) else None
        if not isinstance(tasks, list):
            raise ToolError(f"{self.client.url}/api/tasks does not answer like Label Studio")
        return tasks

    def batch(
        self, *filters: Filter, size: int = PAGE, include: str = FULL, only: Sequence[int] | None = None
    ) -> Batch:
        """The first `size` tasks by id, less those over which Label Studio itself fails, such as a broken region."""
        try:
            tasks = self.tasks(*filters, size=size, include=include, only=only)
            return Batch(tasks, (), [task["id"] for task in tasks])
        except ToolFailed:
            ids = self._ids(*filters, size=size) if only is None else list(only)[:size]

        def read(some: Sequence[int]) -> list[dict[str, Any]]:
            # alone, it gets the patience that the whole had: a locked database is nobody's fault
            attempts = None if len(some) == 1 and len(self._told) < PATIENT else 1
            return self.tasks(*filters, size=len(some), include=include, only=some, attempts=attempts)

        found, failed = halved(ids, read)
        self._check()
        for task, error in failed.items():
            if task not in self._told:
                log.warning(
                    "task %s is set aside until the next sweep, for Label Studio cannot show it: %s", task, error
                )
            self._told.add(task)
        aside = tuple(Aside(key=str(task), reason=str(error)) for task, error in failed.items())
        there = {task["id"] for task in found} | set(failed)
        return Batch(found, aside, [task for task in ids if task in there])

    def listing(self, *filters: Filter, order: str = "tasks:id", size: int, include: str) -> list[listing.Row | None]:
        """The first `size` tasks that pass all filters; None in place of one that Label Studio cannot even list."""
        try:
            return list(self.tasks(*filters, order=order, size=size, include=include))
        except ToolFailed:
            self._check()

        def read(*, page: int, size: int) -> list[listing.Row]:
            return self.tasks(*filters, order=order, size=size, include=include, page=page, attempts=1)

        return listing.by_position(read, size)

    def _missing(self) -> ToolError:
        missing = ToolError(
            f"Label Studio at {self.client.url} has no project {self.id} that this token may see: connect with one "
            "that may; where it was deleted, disconnect it, and its labels are kept here"
        )
        missing.http_status = 404
        return missing

    def _find(self) -> int:
        titles: dict[int, str] = {}
        for number in range(1, LISTED + 1):
            found = self.client.get("/api/projects/", {"page": number, "page_size": PAGE})
            rows = found.get("results") if isinstance(found, dict) else None
            if not isinstance(rows, list):
                raise ToolError(f"{self.client.url}/api/projects/ does not answer like Label Studio")
            titles |= {int(row["id"]): str(row.get("title") or "").strip() for row in rows}
            if not found.get("next"):
                break
        meant = [one for one, title in titles.items() if title == self._identity]
        meant = meant or [one for one, title in titles.items() if title.casefold() == self._identity.casefold()]
        if len(meant) == 1:
            return meant[0]
        if meant:
            names = ", ".join(f"{one} ({titles[one]})" for one in meant[:SHOWN])
            raise ToolError(f"Several projects are called {self._identity!r:.100}, give the number of one: {names}")
        names = alternatives(self._identity, [(title, f"{one} ({title})") for one, title in sorted(titles.items())])
        raise ToolError(
            f"Label Studio at {self.client.url} has no project {self._identity!r:.100} that this token may see; "
            f"there are: {names}"
        )

    def _ids(self, *filters: Filter, size: int) -> list[int]:
        """The ids of the first `size` tasks by id."""
        rows = self.listing(*filters, size=size, include="id")
        behind = max((int(each["value"]) for each in filters if each["filter"] == "filter:tasks:id"), default=0)

        def probe(some: Sequence[int]) -> list[listing.Row]:
            return self.tasks(*filters, size=len(some), include="id", only=some, attempts=1)

        return listing.ids(rows, behind, probe)

    def _check(self) -> None:
        """Raises where Label Studio has broken down as a whole: it can list no task as such, then."""
        self.tasks(size=1, include="id", only=[0])


def _number(identity: str) -> int | None:
    """A project's number, given as such or as part of its address; None for a title."""
    if identity.isascii() and identity.isdecimal() and len(identity) < 19:
        return int(identity)
    address = ADDRESS.search(identity)
    return int(address[1]) if address else None


def reference(project: Mapping[str, Any]) -> str:
    """How Label Studio names a project in its requests: its number and the second in which it was made."""
    return f"{project['id']}.{int(moment(project.get('created_at')).timestamp())}"


def where(column: str, operator: str, value: Any, kind: str) -> Filter:
    """One condition of the Data Manager."""
    return {"filter": f"filter:tasks:{column}", "operator": operator, "value": value, "type": kind}


def after(task: int) -> Filter:
    """Tasks behind this one, by id: pages that stay right while tasks come and go."""
    return where("id", "greater", task, "Number")

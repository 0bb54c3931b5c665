"""What people did, read from Label Studio: changes since a cursor, and the whole project.

`task.updated_at` moves with everything that a person does to a task or its annotations (submit, skip, edit, delete, in
the Data Manager too), so a poll asks for what changed since. Deleted tasks alone leave no trace; a sweep finds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from labelwheel.plugins.connector import Aside, Page
from labelwheel.plugins.label_studio.annotations import moment, work_of
from labelwheel.plugins.label_studio.project import PAGE, Project, after, where

OVERLAP = timedelta(seconds=60)
"""How late a change may become visible: a slow transaction, clocks that differ between hosts."""
SEEN = 200
"""How many tasks within the overlap a cursor remembers, so that they are not read again."""
FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
LONGEST = 19
"""No id has so many digits."""
INSTANT = timedelta(microseconds=1)


def poll(project: Project, cursor: str | None) -> Iterator[Page]:
    """Pages of changed tasks, in the order in which they changed."""
    marks = _Marks(cursor)
    while True:
        listed = _changed(project, marks)
        if not listed:
            return
        for start in range(0, len(listed), PAGE):
            batch = listed[start : start + PAGE]
            read = project.batch(only=[task["id"] for task in batch])
            tasks, there = {task["id"]: task for task in read.tasks}, set(read.ids)
            for task in batch:
                marks.note(task["id"], task["updated_at"])
            gone = tuple(str(task["id"]) for task in batch if task["id"] not in there)
            found = [tasks[task["id"]] for task in batch if task["id"] in tasks]
            ahead = listed[start + PAGE :][:1]
            cursor = marks.cursor(moment(ahead[0]["updated_at"]) if ahead else None)
            yield page(project, found, cursor, gone, read.aside)


def sweep(project: Project, cursor: str | None) -> Iterator[Page]:
    """Pages of all tasks, by id."""
    last = int(json.loads(cursor)["after"]) if cursor else 0
    while (read := project.batch(after(last))).ids:
        last = read.ids[-1]
        yield page(project, read.tasks, json.dumps({"after": last}), aside=read.aside)
        if len(read.ids) < PAGE:
            return


def fetch(project: Project, keys: Sequence[str]) -> Page:
    """Some tasks as they are now; those that the project does not have are gone, whoever names them."""
    ids = sorted({number for key in keys if (number := _number(key))})
    tasks: list[dict[str, Any]] = []
    there: set[int] = set()
    aside: tuple[Aside, ...] = ()
    for start in range(0, len(ids), PAGE):
        batch = project.batch(only=ids[start : start + PAGE])
        tasks += batch.tasks
        there.update(batch.ids)
        aside += batch.aside
    return page(project, tasks, "", tuple(str(task) for task in ids if task not in there), aside)


def page(
    project: Project,
    tasks: Sequence[dict[str, Any]],
    cursor: str,
    gone: tuple[str, ...] = (),
    aside: tuple[Aside, ...] = (),
) -> Page:
    """Tasks with their annotations as a page."""
    layout = project.layout
    examples = tuple(layout.example(str(task["id"]), task.get("data"), task.get("meta")) for task in tasks)
    pairs = zip(tasks, examples, strict=True)
    work = tuple(one for task, example in pairs for one in work_of(layout, task, example))
    refreshed = tuple(example.key for example in examples)
    return Page(examples=examples, work=work, refreshed=refreshed, gone=gone, aside=aside, cursor=cursor)


def _number(key: str) -> int:
    """A task's id; 0 for what is none."""
    return int(key) if key.isascii() and key.isdecimal() and len(key) < LONGEST else 0


def stamp(when: datetime) -> str:
    """A moment as Label Studio's filters take it."""
    return when.astimezone(UTC).strftime(FORMAT)


class _Marks:
    """How far a poll has come: a moment, and the tasks that were read shortly before it.

    What was read at `forgotten` or before is not remembered one by one any more, so a poll looks behind it only.
    """

    def __init__(self, cursor: str | None) -> None:
        told = json.loads(cursor) if cursor else {}
        self.mark: datetime | None = moment(told["mark"]) if told else None
        self.forgotten: datetime | None = moment(told["floor"]) - INSTANT if told.get("floor") else None
        self.seen: dict[int, str] = {int(key): value for key, value in told.get("seen", {}).items()}

    @property
    def since(self) -> datetime | None:
        """From where a poll looks."""
        if self.mark is None:
            return None
        return max(self.mark - OVERLAP, self.forgotten + INSTANT) if self.forgotten else self.mark - OVERLAP

    def knows(self, task: dict[str, Any]) -> bool:
        """Whether a task was read as it is."""
        return self.seen.get(task["id"]) == task["updated_at"]

    def note(self, task: int, updated_at: str) -> None:
        """A task was read as it was at that moment."""
        self.seen[task] = updated_at
        self.mark = max(self.mark or moment(updated_at), moment(updated_at))

    def cursor(self, ahead: datetime | None) -> str:
        """What to store, kept small; `ahead` is the next change that is known and not read yet."""
        assert self.mark is not None
        assert self.since is not None
        kept = [(task, at) for task, at in self.seen.items() if moment(at) >= self.since]
        kept.sort(key=lambda item: moment(item[1]), reverse=True)
        if len(kept) > SEEN:
            self.forgotten = moment(kept[SEEN][1])
            kept = [(task, at) for task, at in kept if moment(at) > self.forgotten]
        self.seen = dict(kept)
        floor = self.forgotten + INSTANT if self.forgotten else None
        if floor and ahead:
            floor = min(floor, ahead)
        told = {"mark": stamp(self.mark), "floor": stamp(floor) if floor else None, "seen": self.seen}
        return json.dumps(told, separators=(",", ":"))


def _changed(project: Project, marks: _Marks) -> list[dict[str, Any]]:
    """Tasks that changed and were not read since, the oldest change first: some, or none if there are none."""
    since, size = marks.since, 2 * SEEN
    while True:
        filters = [where("updated_at", "greater_or_equal", stamp(since), "Datetime")] if since else []
        rows = project.listing(*filters, order="tasks:updated_at", size=size, include="id,updated_at")
        # what cannot be listed is left to the sweep, which finds out its id
        listed = [task for task in rows if task is not None]
        fresh = [task for task in listed if not marks.knows(task)]
        if fresh or len(rows) < size:
            return fresh if len(rows) < size else _complete(project, fresh, listed)
        since = moment(listed[-1]["updated_at"]) + INSTANT


def _complete(project: Project, fresh: list[dict[str, Any]], listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A full listing with all tasks that share its last moment: one bulk action gives thousands the same."""
    last = listed[-1]["updated_at"]
    have = {task["id"] for task in listed}
    at = where("updated_at", "equal", last, "Datetime")
    behind = 0
    while rows := project.listing(at, after(behind), size=2 * SEEN, include="id,updated_at"):
        ties = [task for task in rows if task is not None]
        fresh += [task for task in ties if task["id"] not in have]
        if not ties:
            break
        behind = ties[-1]["id"]
    return fresh

"""An order of tasks as a tab of the Data Manager that holds those to take next; see `docs/labelling-tools.md`.

No column of Label Studio's can carry a number of ours: a prediction's score is a probability, and all else that can be
sorted by is the users'. So the tab has a filter that names the next tasks, and shows the least sure of them first.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from labelwheel.plugins.capabilities import Candidate, named
from labelwheel.plugins.errors import ToolError, ToolFailed
from labelwheel.plugins.label_studio import tabs
from labelwheel.plugins.label_studio.project import Project, after, where
from labelwheel.plugins.label_studio.regions import decode

log = logging.getLogger(__name__)

TITLE = "Labelwheel: next"
NEXT = 40
"""So many tasks are in the tab: each is a condition of its filter."""
PAGE = 500
WHOLE = 2000
"""Of a project with more open tasks, the least sure ones and some by chance are looked at, so many in all."""
PLACES = 20
_OPEN = (where("total_annotations", "equal", 0, "Number"),)
_READ = "id,data,predictions"


def candidates(project: Project) -> Iterator[Candidate]:
    """Unlabelled tasks: all of them, or of many the least sure and a sample."""
    seen: set[int] = set()
    for rows in _sampled(project) if _many(project) else _all(project):
        fresh = [row for row in rows if row["id"] not in seen]
        seen.update(row["id"] for row in fresh)
        yield from (_candidate(project, row) for row in fresh)


def rank(project: Project, tab: int, keys: Sequence[str]) -> None:
    """Puts the first of these into the tab; where somebody has deleted it, nothing is shown."""
    items = [_one_of(int(key)) for key in keys[:NEXT] if key.isdecimal()]
    try:
        tabs.change(project, tab, _data(items))
    except ToolError as error:
        if error.http_status != 404:
            raise
        log.info("project %s: nobody wants the tab %r, connect again to have it back", project.id, TITLE)


def add(project: Project, tab: int | None) -> int | None:
    """The tab, made where there is none; None where Label Studio makes none, which costs nothing else."""
    try:
        present = tabs.listed(project)
        found = next((one for one in present if one["id"] == tab or tabs.title(one) == TITLE), None)
        return tabs.make(project, _data([])) if found is None else int(found["id"])
    except ToolError as error:
        log.warning("project %s: no order is shown, for the tab cannot be made: %s", project.id, error)
        return None


def remove(project: Project, tab: int | None) -> None:
    """Takes the tab away, and leaves everybody's own; one that Label Studio keeps does no harm."""
    try:
        if tab is not None and tab in [one["id"] for one in tabs.listed(project)]:
            tabs.delete(project, tab)
    except ToolError as error:
        log.warning("project %s: the tab %r stays: %s", project.id, TITLE, error)


def _all(project: Project) -> Iterator[list[dict[str, Any]]]:
    last = 0
    while (read := project.batch(*_OPEN, after(last), size=PAGE, include=_READ)).ids:
        last = read.ids[-1]
        yield read.tasks
        if len(read.ids) < PAGE:
            return


def _sampled(project: Project) -> Iterator[list[dict[str, Any]]]:
    half = WHOLE // 2
    for page in range(1, half // PAGE + 1):
        try:
            yield project.tasks(*_OPEN, order="tasks:predictions_score", size=PAGE, page=page, include=_READ)
        except ToolFailed as error:  # a torn task is among them: the next page, and the sample, are left
            log.warning("project %s: the least sure tasks cannot be listed: %s", project.id, error)
    for newest in project.tasks(*_OPEN, order="-tasks:id", size=1, include="id"):
        for place in range(PLACES):
            # the same places each time: what was next stays next
            share = int.from_bytes(sha256(f"order {project.id} {place}".encode()).digest()[:6], "big") / 2**48
            yield project.batch(*_OPEN, after(int(share * newest["id"])), size=half // PLACES, include=_READ).tasks


def _many(project: Project) -> bool:
    try:
        return bool(project.tasks(*_OPEN, size=1, page=WHOLE + 1, include="id"))
    except ToolError as error:
        if error.http_status == 404:  # there is no such page
            return False
        raise


def _candidate(project: Project, task: Mapping[str, Any]) -> Candidate:
    """A task with its newest prediction; where it has none, nothing is less sure."""
    found = [each for each in task.get("predictions") or () if isinstance(each, Mapping)]
    newest: Mapping[str, Any] = max(found, key=lambda each: each.get("id", 0), default={})
    score, result = newest.get("score"), newest.get("result")
    example = project.layout.example(str(task["id"]), task.get("data"))
    answers, _ = decode(project.layout, result if isinstance(result, list) else [], example, task.get("data"))
    said = tuple(sorted(named(name, answer) for name, answer in answers.items() if not isinstance(answer, list)))
    sure = min(max(float(score), 0.0), 1.0) if isinstance(score, int | float) else 0.0
    return Candidate(key=example.key, text=" ".join(example.fields.values()), score=sure, answers=said)


def _one_of(task: int) -> dict[str, Any]:
    """The condition that lets one task through, until it is labelled."""
    open_ = where("total_annotations", "equal", 0, "Number")
    return {**where("id", "equal", task, "Number"), "child_filter": open_}


def _data(items: list[dict[str, Any]]) -> dict[str, Any]:
    filters = {"conjunction": "or", "items": items or [_one_of(0)]}
    order = ["tasks:predictions_score"]
    return {"title": TITLE, "type": "list", "target": "tasks", "ordering": order, "filters": filters}

"""Suggestions into Label Studio: what waits for them, and showing them in bulk."""

from __future__ import annotations

import heapq
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labelwheel.plugins.connector import Page, Suggestion
from labelwheel.plugins.errors import ToolError, ToolRefused, ToolUnreachable
from labelwheel.plugins.label_studio import reasons, retirement
from labelwheel.plugins.label_studio.polling import page
from labelwheel.plugins.label_studio.project import PAGE, Project, after, where
from labelwheel.plugins.label_studio.regions import encode, generation_of, score_of
from labelwheel.training.questions import Question

log = logging.getLogger(__name__)

BATCH = 200
IMPORTS, LARGEST = 20, 2000
"""A project's predictions come in so many imports, each of so many at most."""
FIRST = 1000
"""How many of the least certain tasks are sought out ahead of the others under uncertainty sampling."""
SCAN = 500
IMPORT_TIMEOUT = 300.0


def waiting(project: Project, version: str, cursor: str | None) -> Iterator[Page]:
    """Unlabelled tasks without a prediction of `version`.

    Under uncertainty sampling the tasks with the lowest scores come first, since Label Studio shows those; otherwise
    they come by id, the order of sequential sampling. What was pushed waits no longer, so a restart goes on by itself.
    """
    lacking = (
        where("predictions_model_versions", "not_contains", [version], "List"),
        where("total_annotations", "equal", 0, "Number"),
    )
    told = json.loads(cursor) if cursor else {"uncertain": True, "after": 0}
    ahead: set[int] = set()
    if told["uncertain"] and project.get().get("sampling") == "Uncertainty sampling":
        least = _least_certain(project, lacking)
        for start in range(0, len(least), PAGE):
            ids = least[start : start + PAGE]
            left = {task["id"]: task for task in project.batch(*lacking, only=ids).tasks}
            ahead.update(ids)
            if found := [left[task] for task in ids if task in left]:
                yield page(project, found, json.dumps({"uncertain": True, "after": 0}))
    last = int(told["after"])
    while (read := project.batch(*lacking, after(last))).ids:
        last = read.ids[-1]
        if found := [task for task in read.tasks if task["id"] not in ahead]:
            yield page(project, found, json.dumps({"uncertain": False, "after": last}))
        if len(read.ids) < PAGE:
            return


def at_once(project: Project) -> int:
    """How many suggestions one import is worth: Label Studio counts all tasks of the project anew with each.

    With 20,000 tasks, an import of 100 took 4 to 10 s on a busy machine, and one of 2,000 took 9.
    """
    tasks = project.get().get("task_number")
    return min(max(tasks // IMPORTS, PAGE), LARGEST) if type(tasks) is int else PAGE


def push(project: Project, suggestions: Sequence[Suggestion], questions: Sequence[Question]) -> int:
    """Show suggestions; a task that has one of the same version, or is not there any more, is passed over.

    Of blind tasks the predictions that they have go.
    """
    known = {question.name for question in questions}
    items = []
    for start in range(0, len(suggestions), BATCH):
        batch = {one.example.key: one for one in suggestions[start : start + BATCH] if one.example.key.isdecimal()}
        tasks = project.batch(only=[int(key) for key in batch], size=BATCH).tasks if batch else []
        for task in tasks:
            suggestion = batch[str(task["id"])]
            if suggestion.blind:
                _bare(project, task, suggestion.version)
            elif suggestion.version not in _versions(task):
                items.append(prediction(project, task, suggestion, known))
    return _import(project, items)


def explain(project: Project, suggestion: Suggestion) -> None:
    """Adds reasons to a task's prediction of the same version and with the same answers; else nothing is done.

    A task without one is asked about when it is opened.
    """
    key = suggestion.example.key
    for task in project.batch(only=[int(key)]).tasks if key.isdecimal() else []:
        for shown in task.get("predictions") or []:
            if shown.get("model_version") != suggestion.version:
                continue
            result = prediction(project, task, suggestion, set(suggestion.predictions))["result"]
            if reasons.without(shown.get("result")) == reasons.without(result):
                _change(project, shown["id"], {"task": task["id"], "project": project.id, "result": result})


def _change(project: Project, number: int, body: Mapping[str, Any]) -> None:
    try:
        project.client.send("PATCH", f"/api/predictions/{number}/", body)
    except (ToolUnreachable, ToolRefused):
        raise
    except ToolError as error:
        if error.http_status == 500:
            project.get()  # raises where Label Studio itself has broken down
        log.warning("Label Studio did not take what carried a suggestion of task %s: %s", body["task"], error)


def _bare(project: Project, task: Mapping[str, Any], version: str) -> None:
    """Takes away what a generation and its revisions suggest for a task; others' predictions stay."""
    for shown in task.get("predictions") or []:
        if generation_of(shown.get("model_version")) == generation_of(version):
            retirement.take_away(project, shown["id"], task["id"])


def prediction(project: Project, task: Mapping[str, Any], suggestion: Suggestion, known: set[str]) -> dict[str, Any]:
    """A suggestion as an item of the import, made from the text that the task has now."""
    data = task.get("data")
    example = project.layout.example(str(task["id"]), data)
    said = {name: one for name, one in suggestion.predictions.items() if name in known}
    regions = encode(project.layout, example, data, said, suggestion.version)
    return {
        "task": task["id"],
        "result": reasons.beside(regions, project.layout, example, data, suggestion),
        "score": score_of(said),
        "model_version": suggestion.version,
    }


def _least_certain(project: Project, lacking: Sequence[dict[str, Any]]) -> list[int]:
    """Ids of the tasks with the lowest scores so far, ascending, from one light pass in bounded memory."""
    kept: list[tuple[float, int]] = []
    last = 0
    while (read := project.batch(*lacking, after(last), size=SCAN, include="id,predictions")).ids:
        last = read.ids[-1]
        for task in read.tasks:
            newest: Mapping[str, Any] = max(task.get("predictions") or [], key=lambda one: one.get("id", 0), default={})
            score = newest.get("score")
            if not isinstance(score, int | float):
                continue
            entry = (-float(score), -task["id"])
            if len(kept) < FIRST:
                heapq.heappush(kept, entry)
            else:
                heapq.heappushpop(kept, entry)
        if len(read.ids) < SCAN:
            break
    return [-task for _, task in sorted(kept, reverse=True)]


def _versions(task: Mapping[str, Any]) -> set[str]:
    return {str(one.get("model_version")) for one in task.get("predictions") or []}


def _import(project: Project, items: list[dict[str, Any]]) -> int:
    """How many Label Studio took. What it refuses as a whole is halved until the bad item stands alone."""
    if not items:
        return 0
    nested = {name for name, control in project.layout.controls.items() if control.nested}
    # The import drops predictions with nested choices without a word; the call for a single one takes them.
    single = [item for item in items if any(region["from_name"] in nested for region in item["result"])]
    if single:
        rest = [item for item in items if item not in single]
        return sum(_one(project, item) for item in single) + _import(project, rest)
    path = f"/api/projects/{project.id}/import/predictions"
    try:
        answer = project.client.send("POST", path, items, timeout=IMPORT_TIMEOUT)
    except (ToolUnreachable, ToolRefused):
        raise
    except ToolError as error:
        if error.http_status not in (400, 413, 500):
            raise
        if len(items) == 1:
            log.warning("Label Studio did not take a suggestion for task %s: %s", items[0]["task"], error)
            return 0
        if error.http_status == 500:
            project.get()  # raises where Label Studio itself has broken down
            items = _lacking(project, items)
        middle = len(items) // 2
        return _import(project, items[:middle]) + _import(project, items[middle:])
    return int(answer.get("created", 0)) if isinstance(answer, dict) else 0


def _lacking(project: Project, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that were not taken in spite of the error: a second import would show them twice."""
    tasks = project.batch(only=[item["task"] for item in items], size=len(items), include="id,predictions").tasks
    shown = {task["id"]: _versions(task) for task in tasks}
    return [item for item in items if item["model_version"] not in shown.get(item["task"], ())]


def _one(project: Project, item: dict[str, Any]) -> int:
    try:
        project.client.send("POST", "/api/predictions/", {**item, "project": project.id})
    except (ToolUnreachable, ToolRefused):
        raise
    except ToolError as error:
        if error.http_status not in (400, 404, 500):
            raise
        if error.http_status == 500:
            project.get()
        log.warning("Label Studio did not take a suggestion for task %s: %s", item["task"], error)
        return 0
    return 1

"""What it costs people who submit that suggestions of an old version are deleted: all at once, and a few at a time.

    python -m benchmarks.retirement [--tasks 2000]

A real Label Studio on SQLite, in which each task has a prediction of two versions. Somebody submits an answer every
half second. Then the predictions of the first version go: by Label Studio's own call for that, as it was before, and as
the connector does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.backfill import FLAG
from benchmarks.beside import Beside
from benchmarks.common import machine, save
from labelwheel.plugins.label_studio import retirement
from labelwheel.plugins.label_studio.client import Client
from labelwheel.plugins.label_studio.project import Project
from testkit.label_studio import LabelStudioServer
from testkit.load import spread
from testkit.stage import TOPIC_CONFIG, TOPICS

OLD, NEW = "lw-1-0001-old", "lw-1-0002-new"
_IMPORTED = 1000
_CHOSEN = [{"from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": [TOPICS[0]]}}]


class Submitting(Beside):
    """Answers a task every half second; `failed` has what Label Studio said where it did not take the answer."""

    def __init__(self, studio: LabelStudioServer, tasks: Sequence[int]) -> None:
        super().__init__(pause=0.5)
        self._studio, self._tasks = studio, iter(tasks)
        self.failed: list[str] = []

    def _ask(self, turn: int) -> None:
        try:
            self._studio.submit(next(self._tasks), _CHOSEN)
        except AssertionError as error:
            self.failed.append(str(error)[:200])


def measure(tasks: int, delete: Callable[[LabelStudioServer, Project], None]) -> dict[str, Any]:
    """Fills a Label Studio of its own, and has one version deleted while somebody submits."""
    with LabelStudioServer(environment={FLAG: "true"}) as studio:  # quick imports; it changes no deletion
        number = studio.create_project(TOPIC_CONFIG, [{"text": f"text {each}"} for each in range(tasks)])
        ids = studio.task_ids(number)
        for version in (OLD, NEW):
            for page in _predictions(ids, version):
                studio.api("POST", f"/api/projects/{number}/import/predictions", json=page, timeout=600)
        project = Project(Client(studio.url, SecretStr(studio.pat)), str(number), number)
        with Submitting(studio, ids) as people:
            time.sleep(3)
            before, began = len(people.seconds), time.monotonic()
            delete(studio, project)
            seconds = time.monotonic() - began
        left = studio.api("GET", f"/api/projects/{number}/model-versions/")
        return {
            "seconds": round(seconds, 1),
            "left": {version: count for version, count in left.items() if version in (OLD, NEW)},
            "submitted": len(people.seconds) - before,
            "failed": people.failed,
            "submit_seconds": {key: round(value, 2) for key, value in spread(people.seconds[before:]).items()},
        }


def at_once(studio: LabelStudioServer, project: Project) -> None:
    """As it was."""
    path = f"/api/projects/{project.id}/model-versions/"
    studio.api("DELETE", path, json={"model_version": OLD}, timeout=1800)


def in_parts(studio: LabelStudioServer, project: Project) -> None:
    """As the connector does, again and again until all is gone."""
    while not retirement.retire(project, [OLD]):
        pass


def _predictions(tasks: Sequence[int], version: str) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(tasks), _IMPORTED):
        chosen = {"result": _CHOSEN, "score": 0.5, "model_version": version}
        yield [{"task": task, **chosen} for task in tasks[start : start + _IMPORTED]]


def main() -> int:
    """Run, print the table, keep the numbers; 1 where anything is left, or a newer suggestion is gone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2000)
    tasks = parser.parse_args().tasks
    found = {"at once": measure(tasks, at_once), "a few at a time": measure(tasks, in_parts)}
    table = Table("deleted", "seconds", "submitted", "failed", "a submit takes", title=f"{tasks} old predictions")
    for name, one in found.items():
        cells = str(one["seconds"]), str(one["submitted"]), str(len(one["failed"])), str(one["submit_seconds"])
        table.add_row(name, *cells)
    console = Console(highlight=False, width=140)
    console.print(table)
    console.print(f"kept in {save('retirement', {'machine': machine(), 'tasks': tasks, **found})}")
    return int(any(one["left"].get(OLD) or one["left"].get(NEW) != tasks for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())

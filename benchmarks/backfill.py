"""How long a large project waits for its suggestions, what its requests take meanwhile, and what a killed worker costs.

    python -m benchmarks.backfill [--tasks 20000] [--flag] [--name backfill]

A real Label Studio with so many tasks is connected; suggestions from the label names are pushed in the background. What
goes from labelwheel to Label Studio passes a proxy that notes how long each request takes; a person opens a task every
second. The worker is killed once when a third of the tasks have a suggestion, and once at two thirds. With `--flag`
Label Studio does not count all tasks anew with each import.
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.beside import Beside
from benchmarks.common import machine, save
from demo import messages
from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.load import spread
from testkit.proxy import Proxy
from testkit.stage import TOPIC_CONFIG

FLAG = "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short"
_IMPORTED = 2000  # tasks of one import
_LOOKED = 2.0  # seconds between two looks


class Opening(Beside):
    """A person who opens a task every second, none of which was seen before."""

    def __init__(self, wheel: LabelwheelServer, project: str) -> None:
        super().__init__(pause=1.0)
        self._wheel, self._texts = wheel, itertools.cycle(messages.rows())
        self._body = {"project": project, "label_config": TOPIC_CONFIG, "params": {"context": None}}

    def _ask(self, turn: int) -> None:
        tasks = [{"id": turn, "data": {"text": f"{next(self._texts)['text']} (opened {turn})"}}]
        answer = self._wheel.call("POST", "/predict", json={**self._body, "tasks": tasks}, timeout=60)
        assert len(answer.json()["results"]) == 1


def run(tasks: int, hours: float, console: Console, flag: bool = False) -> dict[str, Any]:
    """Imports, connects, waits for the last suggestion, and counts."""
    set_there = {FLAG: "true"} if flag else {}
    set_here = {"LABELWHEEL_BLIND": "0"}  # else a tenth of the tasks has none, on purpose
    with (
        LabelStudioServer(environment=set_there) as studio,
        LabelwheelServer(environment=set_here) as wheel,
        Proxy(studio.url) as proxy,
    ):
        project = studio.create_project(TOPIC_CONFIG)
        began = time.monotonic()
        for page in _pages(tasks):
            studio.import_tasks(project, page)
        imported = time.monotonic() - began
        console.print(f"{tasks} tasks imported in {imported:.0f} s; connecting …")
        began = time.monotonic()
        wheel.connect("label-studio", proxy.url, studio.pat, project=project)
        reference = str(truth.rows(wheel, "SELECT reference FROM projects")[0]["reference"])
        connected, kills, shown = time.monotonic() - began, list[dict[str, Any]](), 0
        with Opening(wheel, reference) as opening:
            while shown < tasks and time.monotonic() - began < hours * 3600:
                time.sleep(_LOOKED)
                shown = _shown(studio, project)[0]
                if len(kills) < 2 and shown >= tasks * (len(kills) + 1) / 3:
                    killed = wheel.kill("worker")
                    kills.append({"at": shown, "processes": killed})
                    console.print(f"{shown} of {tasks} have one; the worker is killed")
            seconds = time.monotonic() - began
        shown, predictions, versions = _shown(studio, project)
        slowest = sorted(proxy.passed, key=lambda each: -each.seconds)
        return {
            "machine": machine(), "tasks": tasks, "flag": flag, "import_seconds": round(imported, 1),
            "connect_seconds": round(connected, 1), "seconds": round(seconds, 1), "kills": kills,
            "tasks_with_a_suggestion": shown, "suggestions": predictions, "versions": versions,
            "requests": len(proxy.passed), "request_seconds": _spread([each.seconds for each in proxy.passed]),
            "slowest": [f"{each.call}: {each.status}, {each.seconds:.2f} s" for each in slowest[:3]],
            "failed": sum(each.status >= 500 for each in proxy.passed),
            "opened_seconds": _spread(opening.seconds),
        }  # fmt: skip


def _spread(seconds: list[float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in spread(seconds).items()}


def _pages(tasks: int) -> Iterator[list[dict[str, Any]]]:
    rows = messages.rows()
    for start in range(0, tasks, _IMPORTED):
        numbers = range(start, min(start + _IMPORTED, tasks))
        yield [{"data": {"text": f"{rows[each % len(rows)]['text']} ({each})"}} for each in numbers]


def _shown(studio: LabelStudioServer, project: int) -> tuple[int, int, int]:
    """Tasks with a suggestion, suggestions, and versions among these, as Label Studio's own database has them."""
    path = studio.folder / "data" / "label_studio.sqlite3"
    query = (
        "SELECT COUNT(DISTINCT task_id), COUNT(*), COUNT(DISTINCT model_version) FROM prediction WHERE project_id = ?"
    )
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        tasks, predictions, versions = connection.execute(query, (project,)).fetchone()
        return int(tasks), int(predictions), int(versions)


def main() -> int:
    """Run, print the table, keep the numbers; 1 where a task has no suggestion, or more than one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--flag", action="store_true", help="with Label Studio's flag for such imports")
    parser.add_argument("--name", default="backfill", help="of the results")
    parser.add_argument("--hours", type=float, default=2.0, help="after which what was reached is kept")
    asked = parser.parse_args()
    console = Console(highlight=False, width=140)
    record = run(asked.tasks, asked.hours, console, asked.flag)
    table = Table("what", "figure", title=f"{asked.tasks} tasks of a real Label Studio")
    for name, value in record.items():
        if name != "machine":
            table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    console.print(f"kept in {save(asked.name, record)}")
    return int(record["tasks_with_a_suggestion"] != asked.tasks or record["suggestions"] != asked.tasks)


if __name__ == "__main__":
    sys.exit(main())

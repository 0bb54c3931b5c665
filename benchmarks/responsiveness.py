"""How long Label Studio waits for /health, /setup, webhooks while the service works hard: it gives up after a second.

    python -m benchmarks.responsiveness [--seconds 30]

Measured three times: with nothing else to do, while requests of 500 tasks follow each other without a pause, and while
a training job runs beside those.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.beside import Beside
from benchmarks.common import machine, save
from demo import messages
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.load import spread
from testkit.stage import Stage

TASKS = 500
ROUTES = ("health", "setup", "webhook")


class Asking(Beside):
    """Requests of 500 tasks, one after the other, none of which was seen before."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage, self._body = stage, stage.request([])
        self._texts = [row["text"] for row in messages.rows()]

    def _ask(self, turn: int) -> None:
        texts = [f"{self._texts[number % len(self._texts)]} #{turn}.{number}" for number in range(TASKS)]
        tasks = [{"id": number, "data": {"text": text}} for number, text in enumerate(texts)]
        answer = self._stage.wheel.call("POST", "/predict", json={**self._body, "tasks": tasks}, timeout=300)
        assert len(answer.json()["results"]) == TASKS


def measure(stage: Stage, seconds: float) -> dict[str, Any]:
    """Milliseconds of each route, asked in turn as Label Studio asks: each on a connection of its own.

    A webhook says that a task was labelled, which has the worker fetch it and fit a head anew.
    """
    project, tasks = stage.reference, itertools.cycle(stage.data)
    event = {"action": "ANNOTATION_UPDATED", "project": stage.studio.project(stage.project)}
    times: dict[str, list[float]] = {route: [] for route in ROUTES}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for name in times:
            began = time.monotonic()
            url, auth = f"{stage.wheel.url}/{name}", ("labelwheel", stage.wheel.token)
            if name == "health":
                answer = requests.get(url, auth=auth, timeout=10)
            else:
                body = {"project": project} if name == "setup" else {**event, "task": {"id": next(tasks)}}
                answer = requests.post(url, auth=auth, json=body, timeout=10)
            times[name].append((time.monotonic() - began) * 1000)
            answer.raise_for_status()
        time.sleep(0.02)
    return {name: {key: round(value, 1) for key, value in spread(found).items()} for name, found in times.items()} | {
        "asked": sum(map(len, times.values()))
    }


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """The three situations, one after the other."""
    record: dict[str, Any] = {"machine": machine()}
    with LabelStudioServer() as studio, LabelwheelServer(environment={"LABELWHEEL_FIRST_ROUND": "5000"}) as wheel:
        stage = Stage(studio, wheel, tasks=200, labelled=150)
        stage.converged()
        console.print("with nothing else to do …")
        record["idle"] = measure(stage, arguments.seconds)
        with Asking(stage) as asking:
            console.print(f"while requests of {TASKS} tasks are answered …")
            record["predicting"] = measure(stage, arguments.seconds)
            number = stage.order()
            wheel.until(lambda: wheel.processes("job"), 120, "no job came")
            console.print("and while a job trains …")
            record["predicting and training"] = measure(stage, arguments.seconds)
            record["the job ran until the end of it"] = bool(wheel.processes("job"))
        record["predict_500_seconds"] = [round(each, 2) for each in asking.seconds]
        record["round"] = stage.ended(number, seconds=1800)["state"]
    return record


def main() -> int:
    """Run, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure each situation")
    console = Console(highlight=False)
    record = run(parser.parse_args(), console)
    table = Table(title="milliseconds, each request on a connection of its own")
    for name in ("", "asked", "route", "median", "99 %", "worst"):
        table.add_column(name, justify="left" if name in ("", "route") else "right")
    for situation in ("idle", "predicting", "predicting and training"):
        for route in ROUTES:
            found = record[situation][route]
            cells = (str(found[each]) for each in ("p50", "p99", "worst"))
            table.add_row(situation, str(record[situation]["asked"] // len(ROUTES)), f"/{route}", *cells)
    console.print(table)
    console.print(f"kept in {save('responsiveness', record)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long it takes to take in a large project, half of it lines of one template: at the start and at the end.

    python -m benchmarks.intake [--tasks 100000] [--minutes 20] [--name before]

A labelling tool in memory hands over pages of 100 tasks to the very code that the worker runs, into a SQLite database
of its own. Where that takes longer than `--minutes`, what was reached is kept. `--name` is the entry in the results.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import RESULTS, machine, save
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Project, ProjectState
from labelwheel.backend.projects import projects
from labelwheel.backend.settings import load
from labelwheel.backend.worker.intake_loop import IntakeLoop
from labelwheel.plugins.connector import Config, Page
from labelwheel.training.questions import Example, Kind, Option, Question

PAGE = 100
_EACH = 10  # pages between two measurements
_WORDS = 4000
_QUESTION = Question(
    name="topic", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="sport"), Option(value="politics"))
)


class Pages:
    """A labelling tool that makes up its tasks: every other one is a line of one template."""

    def __init__(self, tasks: int) -> None:
        self._tasks = tasks
        letters, draw = "abcdefghijklmnopqrstuvwxyz", random.Random(1)
        self._words = ["".join(draw.choices(letters, k=draw.randint(2, 10))) for _ in range(_WORDS)]

    def config(self) -> Config:
        return Config(reference="1", title="Intake", source="1", questions=(_QUESTION,))

    def poll(self, cursor: str | None) -> Iterator[Page]:
        for start in range(int(cursor or 0), self._tasks, PAGE):
            numbers = range(start, min(start + PAGE, self._tasks))
            examples = tuple(Example(key=str(number), fields={"text": self.text(number)}) for number in numbers)
            yield Page(examples=examples, cursor=str(numbers[-1] + 1))

    def sweep(self, cursor: str | None) -> Iterator[Page]:
        return iter(())

    def text(self, number: int) -> str:
        draw = random.Random(number)
        if number % 2:
            amount, account, name = draw.randint(100, 999999), draw.randint(10**7, 10**8), draw.choice(self._words)
            return f"Payment of {amount / 100:.2f} received from {name} on account {account}, thank you for your order"
        return " ".join(draw.choices(self._words, k=draw.randint(8, 24)))


def run(tasks: int, minutes: float, folder: Path, console: Console) -> dict[str, Any]:
    """Takes everything in, and says how fast."""
    settings = load(home=folder)
    database = Database(settings.database_url)
    database.migrate()
    hold = Hold(database)
    assert hold.acquire()
    with hold.transaction() as tx:
        project = Project(
            tool="fake", url="http://fake", external_id="1", api_key="k", service_url="http://us",
            state=ProjectState.CONNECTED,
        )  # fmt: skip
        tx.add(project)
        tx.flush()
        number = project.id
    tool, intake, points = Pages(tasks), IntakeLoop(hold, settings, number), list[dict[str, Any]]()
    begin = last = time.monotonic()
    used, pages, slowest = time.process_time(), 0, 0.0
    busy = True
    while busy and time.monotonic() - begin < minutes * 60:
        with database.session() as session:
            project = projects.get(session, number)
        began = time.monotonic()
        with hold.database.session() as session:
            before = int(project.poll_cursor or 0)
        busy = intake.step(tool, project)  # type: ignore[arg-type]
        hold.renew()
        with database.session() as session:
            taken = int(projects.get(session, number).poll_cursor or 0)
        new = -(-(taken - before) // PAGE)
        slowest = max(slowest, (time.monotonic() - began) / max(new, 1))
        pages += new
        if pages // _EACH > len(points) or not busy:
            moment, cpu = time.monotonic(), time.process_time()
            counted = pages - sum(point["pages"] for point in points)
            if counted:
                points.append({
                    "tasks": taken,
                    "pages": counted,
                    "pages_a_second": round(counted / (moment - last), 2),
                    "cpu_ms_a_page": round((cpu - used) * 1000 / counted, 1),
                    "slowest_page_ms": round(slowest * 1000),
                    "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                })  # fmt: skip
                console.print(points[-1])
            last, used, slowest = moment, cpu, 0.0
    database.dispose()
    size = sum(file.stat().st_size for file in folder.rglob("*.db*"))
    return {
        "tasks": points[-1]["tasks"] if points else 0,
        "wanted": tasks,
        "seconds": round(time.monotonic() - begin, 1),
        "database_bytes_a_task": round(size / max(points[-1]["tasks"], 1)) if points else None,
        "database_mb": round(size / 2**20, 1),
        "points": points,
    }


def main() -> None:
    """Run, print start and end, keep everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=20.0, help="stop after so long")
    parser.add_argument("--name", default="now", help="what the results are kept as, beside others")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        record = run(arguments.tasks, arguments.minutes, Path(folder), console)
    table = Table("", "the first pages", "the last pages")
    for name in ("pages_a_second", "cpu_ms_a_page", "slowest_page_ms", "memory_mb"):
        table.add_row(name.replace("_", " "), *(str(record["points"][place][name]) for place in (0, -1)))
    console.print(table)
    console.print(f"{record['tasks']:,} tasks in {record['seconds']:.0f} s, {record['database_mb']} MB")
    kept = RESULTS / "intake.json"
    known = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    console.print(f"kept in {save('intake', {**known, 'machine': machine(), arguments.name: record})}")


if __name__ == "__main__":
    main()

"""What connected projects cost the worker while nothing happens: `make bench-idle`.

Projects of one question each in the labelling tool in memory, with some hundred labels, are taken in, filled with
suggestions and left alone. Then the worker's own threads run for some seconds: milliseconds of CPU a second and
project, and SQL statements a second and project, in all and by part of the loop. Nothing is trained: what a web process
would say of the texts is drawn, and its reports are written as a real one writes them, which is not counted.

    --projects 1 20 100 --seconds 20
    --postgresql            # a server of its own in place of SQLite
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import random
import tempfile
import threading
import time
import zlib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from benchmarks.common import RESULTS, machine, save
from benchmarks.loop_parts import Spent
from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import (
    Backfill,
    CheckpointRow,
    InspectionRow,
    InspectionState,
    Project,
    ProjectState,
    Round,
    RoundState,
    now,
)
from labelwheel.backend.projects import champion_groups, configuration, connectors, generations, projects, servers
from labelwheel.backend.revisions.features import Champion, pack_features
from labelwheel.backend.rounds import launchers
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.worker.main import Worker
from labelwheel.plugins.testing.fake_tool import TOPIC, FakeConnector, Tool
from labelwheel.training.kinds.base import Encoding
from testkit import postgresql

WIDTH, OPEN, PATIENCE = 16, 40, 900.0
_REPORT_SECONDS = 1.0
_LABELS = tuple(option.value for option in TOPIC.options)


class Drawn:
    """A web process of which only the answers are there, and they are drawn; `spent` is the CPU of its reports."""

    def __init__(self, database: Database) -> None:
        self._database, self.spent = database, 0.0
        self._views: dict[int, generations.GenerationView] = {}

    def report(self, stop: threading.Event) -> None:
        """Says every second what it serves, until `stop` is set."""
        while not stop.wait(_REPORT_SECONDS):
            self.follow()
            serving = {str(number): view.name for number, view in self._views.items()}
            with self._database.transaction() as tx:
                servers.report(tx, "web", serving, memory_mb=1.0)
            self.spent = time.thread_time()

    def follow(self) -> None:
        """Looks at what is to be served."""
        with self._database.session() as session:
            self._views = generations.current(session)

    def suggest(self, number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        """An answer that each text has for good."""
        said = [
            {"key": each["key"], "predictions": {TOPIC.name: {"answer": _LABELS[0], "score": 0.6}}} for each in examples
        ]
        return {"version": version or self._views[number].version, "suggestions": said}

    def explain(self, number: int, question: str, key: str | None = None, *, idle: bool = False) -> dict[str, Any]:
        """No word carries anything."""
        prediction = {"answer": _LABELS[0], "score": 0.6}
        return {"version": self._views[number].version, "prediction": prediction, "words": [], "carried": []}

    def features(self, number: int, question: str, examples: list[dict[str, Any]]) -> bytes:
        """Noise, from which no head learns enough to be served."""
        rows = [np.random.default_rng(_seed(each)).normal(size=4 * WIDTH).astype(np.float32) for each in examples]
        logits = [np.array([1.0, 0.0], dtype=np.float32)] * len(rows)
        champion = Champion(self._views[number].members[question].version, "tuned", _LABELS, {}, WIDTH)
        return pack_features(champion, [Encoding(place, ()) for place in range(len(rows))], rows, logits)


def _seed(example: dict[str, Any]) -> int:
    return zlib.crc32(example["fields"]["text"].encode())


def connected(database: Database, settings: Settings, count: int, labels: int) -> None:
    """Projects with a champion, whose tools have labels that nobody has taken in yet."""
    for number in range(count):
        url, draw = f"http://idle{number}", random.Random(number)
        tool = FakeConnector.tools[url] = Tool(questions=(TOPIC,), page_size=100)
        keys = tool.add(*(" ".join(f"{draw.getrandbits(28):x}" for _ in range(6)) for _ in range(labels + OPEN)))
        for place, key in enumerate(keys[:labels]):
            tool.submit(key, {TOPIC.name: _LABELS[place % 2]})
        with database.transaction() as tx:
            project = projects.register(tx, settings, "fake", url, "1", "key", "http://us")
            config = FakeConnector.config(connectors.connect(project, keyring.load(settings)))  # type: ignore[arg-type]
            configuration.apply(tx, projects.lock(tx, project.id), config)
            (row,) = projects.questions(tx, project.id)
            version = f"{project.id}-{row.name}-r1"
            tx.add(Round(
                project_id=project.id, question_id=row.id, trigger="connect", recipe="auto", version=version,
                state=RoundState.PROMOTED, started_at=now(), ended_at=now(), label_count=10 * labels,
                digest=TOPIC.digest,
            ))  # fmt: skip
            champion = CheckpointRow(
                question_id=row.id, version=version, folder=version, recipe="tuned", kind=TOPIC.kind,
                digest=TOPIC.digest, label_count=10 * labels,
            )  # fmt: skip
            tx.add(champion)
            tx.flush()
            tx.add(InspectionRow(
                question_id=row.id, checkpoint_id=champion.id, version=version, state=InspectionState.DONE,
                label_count=labels, started_at=now(), ended_at=now(),
            ))  # fmt: skip
            named = champion_groups.serve(tx, row, champion.id, "a champion")
            project.state, project.announced = ProjectState.CONNECTED, named[project.id]


def quiet(database: Database, count: int) -> bool:
    """Whether all is taken in and filled."""
    with database.session() as session:
        filled = session.scalars(select(Backfill.state)).all()
        swept = session.scalars(select(Project.swept_at)).all()
    return filled.count("done") == count and None not in swept


def run(url: str | None, count: int, arguments: argparse.Namespace, home: Path) -> dict[str, Any]:
    """One worker with so many projects."""
    settings = load(home=home, **({"database": url} if url else {}), first_round=100_000, inspect=True)
    keyring.make(settings)
    database = Database(settings.database_url)
    database.migrate(keyring.find(settings))
    hold, web, spent = Hold(database), Drawn(database), Spent()
    assert hold.acquire()
    connected(database, settings, count, arguments.labels)
    web.follow()
    stop, over = threading.Event(), threading.Event()
    with spent.watched():
        worker = Worker(hold, settings, launchers.load(settings), web)
        threads = [
            threading.Thread(target=web.report, args=(over,), daemon=True),
            threading.Thread(target=worker.work, args=(stop,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + PATIENCE
        while not quiet(database, count):
            assert time.monotonic() < deadline, "it is not quiet yet"
            time.sleep(2.0)
        time.sleep(arguments.settle + 0.2 * count)  # heads are measured, and what comes next is explained
        gc.collect()
        spent.clear()
        began, used, reports = time.monotonic(), time.process_time(), web.spent
        time.sleep(arguments.seconds)
        seconds = time.monotonic() - began
        used = time.process_time() - used - (web.spent - reports)
        per = seconds * count
        parts = {
            name: {
                "cpu_ms": round(spent.cpu[name] * 1000 / per, 3),
                "statements": round(spent.statements[name] / per, 2),
                "calls": round(spent.calls[name] / per, 2),
            }
            for name in sorted(spent.calls, key=lambda name: -spent.cpu[name])
        }
        found = {
            "projects": count, "cpu_ms": round(used * 1000 / per, 2),
            "statements": round(sum(spent.statements.values()) / per, 1), "parts": parts,
        }  # fmt: skip
        stop.set()
        threads[1].join(10.0)
        over.set()
        threads[0].join(10.0)
    database.dispose()
    return found


def main() -> None:
    """Run for each number of projects, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, nargs="+", default=[1, 20, 100])
    parser.add_argument("--labels", type=int, default=120, help="labels a project")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--settle", type=float, default=20.0, help="seconds between the last page and the measurement")
    parser.add_argument("--postgresql", action="store_true", help="a server of its own in place of SQLite")
    parser.add_argument("--name", default="now", help="what the results are kept as, beside others")
    arguments = parser.parse_args()
    console, runs = Console(highlight=False), []
    entry = EntryPoint(name="fake", value="labelwheel.plugins.testing.fake_tool:FakeConnector", group=connectors.GROUP)
    connectors._installed = lambda: {"fake": entry}  # type: ignore[assignment]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgresql.running()) if arguments.postgresql else None
        for count in arguments.projects:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            found = run(server.create(f"idle{count}") if server else None, count, arguments, home)
            runs.append(found)
            table = Table(f"{count} projects", "CPU ms", "statements", "calls", title="a second and project")
            table.add_row("all", str(found["cpu_ms"]), str(found["statements"]), "")
            for name, part in found["parts"].items():
                table.add_row(name, str(part["cpu_ms"]), str(part["statements"]), str(part["calls"]))
            console.print(table)
    kept = RESULTS / "idle.json"
    known = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    name = f"{'postgresql' if arguments.postgresql else 'sqlite'}, {arguments.name}"
    console.print(f"kept in {save('idle', {**known, 'machine': machine(), name: runs})}")


if __name__ == "__main__":
    main()

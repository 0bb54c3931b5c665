"""Fifty promotions and five failing loads under the constant load of sixteen clients, while a training job runs.

    python -m benchmarks.swap [--promotions 50] [--failures 5] [--clients 16] [--answers 20000]

A real Label Studio project with a choice and a span question, the embedded MiniLM, real rounds: one of each question
before; then rounds of the spans follow each other all the time, without promotions and with them alike. The promotions
go back and forth between checkpoints of the choice; each is a new generation that is loaded, probed and announced like
any other. In between, checkpoints are promoted that cannot be loaded. Every answer is computed again from the
checkpoints of the version that it claims.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import threading
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import faults
from benchmarks.common import machine, save
from demo.messages import LABEL_CONFIG
from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.load import Checker, Load, latency, served, swap_back_and_forth
from testkit.stage import Stage

FAULTS = {
    "failed": "answers that failed",
    "incomplete": "answers without one result for each task",
    "mixed": "answers that name two versions",
    "stale": "answers older than the version announced before",
    "wrong": "answers that are not what their version says",
}


class Training:
    """Rounds of one question, one after the other: there is always a job."""

    def __init__(self, stage: Stage, question: str) -> None:
        self._stage, self._question = stage, question
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.rounds: list[int] = []

    def __enter__(self) -> Training:
        self._thread.start()
        self._stage.wheel.until(lambda: self._stage.wheel.processes("job"), 120, "no job came")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        if self.rounds:
            self._stage.wheel.call("DELETE", f"/api/v1/rounds/{self.rounds[-1]}")

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self.rounds or self._stage.round(self.rounds[-1])["state"] in truth.OVER:
                self.rounds.append(self._stage.order(self._question))
            self._stop.wait(0.5)


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything up, a load without and one with promotions, and the check of every answer."""
    # rounds are ordered here, and always promote: this is about the swap, not about the gate
    settings = {
        "LABELWHEEL_FIRST_ROUND": "5000", "LABELWHEEL_GATE_MARGIN": "1", "LABELWHEEL_GATE_FLOOR": "1",
        "LABELWHEEL_FAST_LANE": "false", "LABELWHEEL_BLIND": "0",
        "LABELWHEEL_SHOW": '{"spans": 0}',  # all that a version says is checked
        "LABELWHEEL_KEEP_CHECKPOINTS": "100", "LABELWHEEL_JOB_MINUTES": str(arguments.job_minutes),
    }  # fmt: skip
    with LabelStudioServer() as studio, LabelwheelServer(environment=settings) as wheel:
        stage = Stage(studio, wheel, config=LABEL_CONFIG, tasks=arguments.tasks, labelled=arguments.labels)
        for question in ("topic", "mentions"):
            console.print(f"a first round of {question} …")
            row = stage.ended(stage.order(question), seconds=1800)
            assert row["state"] == "promoted", row["reason"]
        stage.converged()
        query = "SELECT version FROM checkpoints WHERE version LIKE '%-topic-%' ORDER BY id"
        topics = [row["version"] for row in truth.rows(wheel, query)]
        with Training(stage, "mentions") as training:
            console.print(f"{arguments.seconds:.0f} s of load without a promotion …")
            with Load(stage, arguments.clients) as quiet:
                time.sleep(arguments.seconds)
            with Load(stage, arguments.clients):  # both have been in memory once, and been asked
                swap_back_and_forth(stage, topics, 2, arguments.pause)
            before, models = at_rest(stage), encoders(stage)
            told = f"{arguments.promotions} promotions and {arguments.failures} failing loads"
            console.print(f"{told} under the same load …")
            began = time.monotonic()
            under_load: list[float] = []
            with Load(stage, arguments.clients) as load:
                failed = promote(stage, topics, arguments, under_load)
                while len(load.answers) < arguments.answers:
                    time.sleep(0.5)
            seconds = time.monotonic() - began
            after, models_after = at_rest(stage), encoders(stage)
        console.print(f"checking {len(load.answers) + len(quiet.answers)} answers …")
        checker = Checker(stage)
        return {
            "machine": machine() | {"load": os.getloadavg()},
            "clients": arguments.clients,
            "promotions": arguments.promotions,
            "failing_loads": failed,
            "training_rounds": len(training.rounds),
            "memory_mb": {"before": before, "after": after, "after_each_promotion": under_load},
            "encoders_mb": {"before": models, "after": models_after},
            "seconds": round(seconds, 1),
            "with_promotions": checker.check(load.answers) | latency(load.answers),
            "without": checker.check(quiet.answers) | latency(quiet.answers),
        }


def promote(
    stage: Stage, topics: list[str], arguments: argparse.Namespace, megabytes: list[float]
) -> list[dict[str, str]]:
    """All promotions, and the failing loads spread among them; what each of those was refused for."""
    failed: list[dict[str, str]] = []
    for number in range(arguments.promotions):
        swap_back_and_forth(stage, topics, 1, arguments.pause)
        megabytes.append(memory(stage))
        if len(failed) < arguments.failures * (number + 1) // arguments.promotions:
            kind = faults.KINDS[len(failed) % len(faults.KINDS)]
            failed.append({"kind": kind, "told": fail(stage, topics[0], kind, len(failed))})
    return failed


def fail(stage: Stage, source: str, kind: str, number: int) -> str:
    """Promote what cannot be loaded, and wait until it was noticed and what was served before is served again."""
    store, database = stage.wheel.home / "checkpoints", stage.wheel.home / "labelwheel.db"
    version = faults.make(store, database, source, f"{source}-bad{number}", kind)
    path = f"/api/v1/projects/{stage.number}/questions/topic/rollback"
    answer = stage.wheel.call("POST", path, json={"version": version})
    assert answer.ok, answer.text
    noticed = "SELECT broken FROM checkpoints WHERE version = ? AND broken IS NOT NULL AND broken != ''"
    stage.wheel.until(lambda: truth.rows(stage.wheel, noticed, version), 120, f"nobody noticed {version}")
    stage.wheel.until(lambda: served(stage), 120, f"nothing was served instead of {version}")
    return str(truth.rows(stage.wheel, noticed, version)[0]["broken"])


def memory(stage: Stage) -> float:
    """Megabytes of the web process and the gunicorn above it."""
    return round(sum(process.memory_info().rss for process in stage.wheel.processes("web")) / 1e6, 1)


def at_rest(stage: Stage) -> float:
    """The same while nobody asks: the least of some seconds, for the replaced goes a little later."""
    found = []
    for _ in range(10):
        time.sleep(0.5)
        found.append(memory(stage))
    return min(found)


def encoders(stage: Stage) -> int:
    """Megabytes of the models among it: what the rounds of the spans promote may be larger than what was there."""
    return int(next(server["models"]["mb"] for server in stage.wheel.status()["servers"] if server["models"]))


def main() -> int:
    """Run, print the table, keep the numbers; 1 where any answer was not right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promotions", type=int, default=50)
    parser.add_argument("--failures", type=int, default=5, help="promotions of what cannot be loaded")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--answers", type=int, default=20_000, help="go on until there are so many")
    parser.add_argument("--labels", type=int, default=110, help="labelled tasks before the first round")
    parser.add_argument("--tasks", type=int, default=160, help="tasks in the project")
    parser.add_argument("--job-minutes", type=float, default=5.0, help="how long one training job may take")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two promotions")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to measure without promotions")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    record = run(arguments, console)
    table = Table(title=f"{record['promotions']} promotions, {record['clients']} clients, {record['seconds']:.0f} s")
    for name in ("", "with promotions", "without"):
        table.add_column(name, justify="left" if not name else "right")
    lines = {
        "answers": "answers", "results": "tasks answered", "versions": "versions seen", **FAULTS,
        "predict_p50": "/predict of one task, median ms", "predict_p99": "/predict of one task, 99 % ms",
        "predict_worst": "/predict of one task, worst ms", "setup_p50": "/setup, median ms",
        "setup_p99": "/setup, 99 % ms", "setup_worst": "/setup, worst ms",
    }  # fmt: skip
    for key, title in lines.items():
        table.add_row(title, str(record["with_promotions"][key]), str(record["without"][key]))
    console.print(table)
    for each in record["failing_loads"]:
        console.print(f"{each['kind']}: {each['told'][:150]}")
    told = record["memory_mb"]
    under_load = told["after_each_promotion"]
    fifth = max(1, len(under_load) // 5)
    first, last = (statistics.median(part) for part in (under_load[:fifth], under_load[-fifth:]))
    console.print(f"memory of the web process at rest: {told['before']} MB before, {told['after']} MB after")
    console.print(f"and under load: {first:.0f} MB in the first fifth of the promotions, {last:.0f} MB in the last")
    console.print(f"kept in {save('swap', record)}")
    wrong = {key: record[part][key] for part in ("with_promotions", "without") for key in FAULTS if record[part][key]}
    if wrong:
        console.print(f"[red]not right:[/] {json.dumps(record['with_promotions']['examples'], indent=1)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

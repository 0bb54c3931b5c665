"""Twenty promotions under the constant load of eight clients: what the clients get, and how long they wait for it.

    python -m benchmarks.swap [--promotions 20] [--clients 8]

A real Label Studio project with a choice and a span question, the embedded MiniLM, real rounds: one of each question
before, and one more of the choice while the clients ask. The other promotions go back and forth between checkpoints;
each is a new generation that is loaded, probed and announced like any other. Every answer is computed again from the
checkpoints of the version that it claims.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from demo.messages import LABEL_CONFIG
from demo.stack.label_studio import LabelStudioServer
from demo.stack.labelwheel import LabelwheelServer
from tests.integration import truth
from tests.integration.load import Checker, Load, latency, served, swap_back_and_forth
from tests.integration.stage import Stage

FAULTS = {
    "failed": "answers that failed",
    "incomplete": "answers without one result for each task",
    "mixed": "answers that name two versions",
    "stale": "answers older than the version announced before",
    "wrong": "answers that are not what their version says",
}


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything up, a load without and one with promotions, and the check of every answer."""
    # rounds are ordered here, and always promote: this is about the swap, not about the gate
    settings = {
        "LABELWHEEL_FIRST_ROUND": "5000", "LABELWHEEL_GATE_MARGIN": "1", "LABELWHEEL_GATE_FLOOR": "1",
        "LABELWHEEL_KEEP_CHECKPOINTS": "10",
    }  # fmt: skip
    with LabelStudioServer() as studio, LabelwheelServer(environment=settings) as wheel:
        stage = Stage(studio, wheel, config=LABEL_CONFIG, tasks=arguments.tasks, labelled=arguments.labels)
        for question in ("topic", "mentions"):
            console.print(f"a first round of {question} …")
            row = stage.ended(stage.order(question), seconds=1800)
            assert row["state"] == "promoted", row["reason"]
        stage.converged()
        topics = [
            row["version"]
            for row in truth.rows(wheel, "SELECT version FROM checkpoints WHERE version LIKE '%-topic-%' ORDER BY id")
        ]
        console.print(f"{arguments.seconds:.0f} s of load without a promotion …")
        with Load(stage, arguments.clients) as quiet:
            time.sleep(arguments.seconds)
        console.print(f"{arguments.promotions} promotions under the same load …")
        began = time.monotonic()
        with Load(stage, arguments.clients) as load:
            first = (arguments.promotions - 1) // 2
            swap_back_and_forth(stage, topics, first, arguments.pause)
            number = stage.order("topic")
            assert stage.ended(number, seconds=1800)["state"] == "promoted"
            wheel.until(lambda: served(stage), 300, "the round's checkpoint was not served")
            topics.append(stage.round(number)["version"])
            swap_back_and_forth(stage, topics, arguments.promotions - 1 - first, arguments.pause)
            time.sleep(2)
        seconds = time.monotonic() - began
        console.print(f"checking {len(load.answers) + len(quiet.answers)} answers …")
        checker = Checker(stage)
        return {
            "machine": machine(),
            "clients": arguments.clients,
            "promotions": arguments.promotions,
            "seconds": round(seconds, 1),
            "with_promotions": checker.check(load.answers) | latency(load.answers),
            "without": checker.check(quiet.answers) | latency(quiet.answers),
        }


def main() -> int:
    """Run, print the table, keep the numbers; 1 where any answer was not right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promotions", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--labels", type=int, default=110, help="labelled tasks before the first round")
    parser.add_argument("--tasks", type=int, default=160, help="tasks in the project")
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
    console.print(f"kept in {save('swap', record)}")
    faults = {key: record[part][key] for part in ("with_promotions", "without") for key in FAULTS if record[part][key]}
    if faults:
        console.print(f"[red]not right:[/] {json.dumps(record['with_promotions']['examples'], indent=1)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

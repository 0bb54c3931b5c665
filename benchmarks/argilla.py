"""Many records and an outage on a real Argilla: is memory flat, is every answer untouched, is any label lost?

    python -m benchmarks.argilla [--records 10000] [--labels 200] [--down 300]

A dataset with some answers is connected and gets suggestions for every other record, while the memory of web and
worker is watched; then all responses are compared with those from before, byte for byte. After that labelwheel, Redis
and the webhook worker are killed, people answer so many records, and once Argilla would have given up its webhooks
(250 s) all of it is started again, and the ledger compared with Argilla.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from demo import messages
from demo.messages import ArgillaGold
from testkit import truth
from testkit.argilla import ArgillaServer
from testkit.argilla_api import text_field
from testkit.argilla_stage import labelled
from testkit.labelwheel import LabelwheelServer

ANSWERED = 100
"""So many records are answered before they are connected."""
MEGABYTE = 2**20


def texts(count: int) -> list[str]:
    """The demo's messages, each numbered, so that they are as many as are asked for and no two alike."""
    known = [row["text"] for row in messages.rows()]
    return [f"{known[number % len(known)]} ({number})" for number in range(count)]


class Bench:
    """One dataset, one labelwheel."""

    def __init__(self, server: ArgillaServer, wheel: LabelwheelServer, records: int) -> None:
        self.server, self.wheel = server, wheel
        rows = [{"text": text} for text in texts(records)]
        self.dataset = server.create_dataset("many", [text_field()], messages.argilla_questions(), rows)
        self.keys = [record["id"] for record in server.records(self.dataset)]
        self.memory: list[dict[str, float]] = []

    def answer(self, start: int, count: int, failing: bool = False) -> None:
        """Submit the right answers to some records."""
        gold, known = ArgillaGold(), messages.rows()
        for number in range(start, start + count):
            said = gold({"text": known[number % len(known)]["text"]})
            values = {name: {"value": value} for name, value in said.items()}
            body = {"values": values, "status": "submitted"}
            send = self.server.attempt if failing else self.server.call
            send("POST", f"/records/{self.keys[number]}/responses", json=body)

    def responses(self) -> str:
        """Names all responses as they are."""
        found = [record["responses"] for record in self.server.records(self.dataset)]
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()

    def backfilled(self, seconds: float) -> float:
        """Watch the backfill to its end; how long it took."""
        began = time.monotonic()
        while True:
            (project,) = self.wheel.status()["projects"]
            fresh = project["backfill"]
            self.memory.append({"done": fresh["done"] if fresh else 0, **self._memory()})
            if fresh and fresh["state"] == "done" and fresh["version"] == project["version"]["current"]:
                return time.monotonic() - began
            if time.monotonic() - began > seconds:
                raise AssertionError(f"the backfill did not end within {seconds:.0f} s: {fresh}")
            time.sleep(1)

    def _memory(self) -> dict[str, float]:
        found = {}
        for role in ("web", "worker"):
            sizes = []
            for process in self.wheel.processes(role):
                try:
                    sizes.append(process.memory_info().rss / MEGABYTE)
                except psutil.Error:
                    continue
            found[role] = round(sum(sizes), 1)
        return found


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """The backfill, the outage, the comparison."""
    # no round comes in between: this is about what is shown and what is kept
    quiet = {"LABELWHEEL_FIRST_ROUND": "1000000", "LABELWHEEL_BLIND": "0"}
    with ArgillaServer() as server, LabelwheelServer(environment=quiet) as wheel:
        console.print(f"making {arguments.records} records …")
        bench = Bench(server, wheel, arguments.records)
        bench.answer(0, ANSWERED)
        before = bench.responses()
        console.print("connecting, and filling in suggestions …")
        wheel.connect("argilla", server.url, server.api_key, dataset="many")
        seconds = bench.backfilled(arguments.patience)
        untouched = bench.responses() == before
        shown = sum(bool(record["suggestions"]) for record in server.records(bench.dataset))
        console.print(f"everything but Argilla goes down; {arguments.labels} answers; {arguments.down:.0f} s …")
        wheel.stop()
        server.kill_queue()
        bench.answer(ANSWERED, arguments.labels, failing=True)
        time.sleep(arguments.down)
        server.start_queue()
        wheel.start()
        began = time.monotonic()
        differences = _apart(bench)
        while differences and time.monotonic() - began < arguments.patience:
            time.sleep(1)
            differences = _apart(bench)
        early = [each for each in bench.memory if each["done"] >= arguments.records / 10] or bench.memory
        return {
            "machine": machine(),
            "records": arguments.records,
            "records_with_suggestions": shown,
            "answered_before": ANSWERED,
            "backfill_seconds": round(seconds, 1),
            "responses_untouched": untouched,
            "worker_mb_after_a_tenth_and_at_the_end": [early[0]["worker"], bench.memory[-1]["worker"]],
            "web_mb_after_a_tenth_and_at_the_end": [early[0]["web"], bench.memory[-1]["web"]],
            "answers_during_the_outage": arguments.labels,
            "down_seconds": arguments.down,
            "labels_in_argilla": len(_labelled(bench)),
            "labels_in_the_ledger": len(truth.ledger(wheel)),
            "differences": len(differences),
            "agreed_seconds_after_the_start": round(time.monotonic() - began, 1),
        }


def _labelled(bench: Bench) -> truth.Labels:
    return labelled(bench.server, bench.dataset)


def _apart(bench: Bench) -> dict[Any, Any]:
    return truth.difference(_labelled(bench), truth.ledger(bench.wheel))


def main() -> int:
    """Run, print, keep; 1 where an answer was touched or lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--down", type=float, default=300.0, help="seconds that all stays down after the answers")
    parser.add_argument("--patience", type=float, default=3600.0)
    console = Console(highlight=False)
    record = run(parser.parse_args(), console)
    table = Table(show_header=False)
    for name, value in record.items():
        if name != "machine":
            table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    console.print(f"kept in {save('argilla', record)}")
    return 0 if record["responses_untouched"] and not record["differences"] else 1


if __name__ == "__main__":
    sys.exit(main())

"""Label Studio is stopped for a minute in the middle of 200 labels; most webhooks are lost or doubled. Who has what?

    python -m benchmarks.outage [--labels 200] [--down 60]

People go on submitting, editing, deleting and skipping through the outage, and try again what fails. Their webhooks go
through a proxy that drops a third of them and doubles another third. Afterwards every annotation and every answer that
Label Studio exports is compared with the ledger. Rounds, swaps and backfills go on by themselves meanwhile.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from demo import messages
from testkit import truth
from testkit.burst import apart, through_an_outage
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.proxy import Proxy
from testkit.stage import Stage


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """The burst, and the comparison once nothing changes any more."""
    with LabelStudioServer() as studio, LabelwheelServer() as wheel, Proxy(wheel.url) as proxy:
        stage = Stage(studio, wheel, config=messages.LABEL_CONFIG, backend_url=proxy.url)
        console.print(f"{arguments.labels} labels, and {arguments.down:.0f} s without Label Studio in the middle …")
        burst = through_an_outage(stage, arguments.labels, arguments.down, arguments.pause)
        ended = time.monotonic()
        console.print("comparing …")
        while (differences := apart(stage)) and time.monotonic() - ended < arguments.settle:
            time.sleep(1)
        seconds = time.monotonic() - ended
        exported = truth.labelled(studio, stage.project)
        return {
            "machine": machine(),
            "down_seconds": round(burst.down_seconds, 1),
            "done": dict(burst.done),
            "failed_calls_tried_again": burst.retries,
            "webhooks": proxy.counts(),
            "annotations_in_label_studio": len({annotation for annotation, _ in exported}),
            "labels_in_label_studio": len(exported),
            "labels_in_the_ledger": len(truth.ledger(wheel, stage.number)),
            "labels_by_the_events_alone": len(truth.replayed(wheel, stage.number)),
            "differences": len(differences),
            "examples_of_differences": [str(each) for each in list(differences.items())[:5]],
            "agreed_seconds_after_the_last_label": round(seconds, 1),
            "rounds": [row["state"] for row in truth.rows(wheel, "SELECT state FROM rounds ORDER BY id")],
        }


def main() -> int:
    """Run, print the counts, keep them; 1 where ledger and Label Studio do not agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--down", type=float, default=60.0, help="seconds without Label Studio")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two actions")
    parser.add_argument("--settle", type=float, default=300.0, help="seconds that the two may take to agree")
    console = Console(highlight=False)
    record = run(parser.parse_args(), console)
    table = Table(show_header=False)
    for name, value in record.items():
        if name not in ("machine", "examples_of_differences"):
            table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    console.print(f"kept in {save('outage', record)}")
    for each in record["examples_of_differences"]:
        console.print(f"[red]not the same:[/] {each}")
    return 1 if record["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())

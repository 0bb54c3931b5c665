"""Four web processes behind a proxy, two workers, PostgreSQL and S3: twenty promotions, and a kill -9 with each.

    python -m benchmarks.fleet_kills [--promotions 20] [--clients 32] [--pause .4]

A real Label Studio project, real rounds with the embedded MiniLM, and labels that are submitted meanwhile. Killed are,
in turn, each web process, each worker in the middle of a round, a job, and each web host with its supervisor. Every
answer is computed again from the checkpoint that its version names.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

from rich.console import Console

from benchmarks.common import machine, save
from testkit.fleet import Fleet
from testkit.fleet_faults import FAULTS, Faults
from testkit.label_studio import LabelStudioServer
from testkit.load import Load, latency
from testkit.stage import Stage

SETTINGS = {
    "LABELWHEEL_FIRST_ROUND": "5000", "LABELWHEEL_GATE_MARGIN": "1", "LABELWHEEL_GATE_FLOOR": "1",
    "LABELWHEEL_FINE_TUNING": "false", "LABELWHEEL_INSPECT": "false", "LABELWHEEL_FAST_LANE": "false",
    "LABELWHEEL_BLIND": "0", "LABELWHEEL_KEEP_CHECKPOINTS": "100", "LABELWHEEL_SERVING_THREADS": "1",
}  # fmt: skip
"""Rounds are ordered here, and always promote: this is about who answers, not about the gate."""


def kill_in_turn(faults: Faults, promotions: int, console: Console) -> dict[str, int]:
    """All promotions, each with a kill; how many there were of which."""
    stage, fleet, done = faults.stage, faults.fleet, 0
    counts = {"web": 0, "host": 0, "worker": 0, "job": 0}
    while done < promotions:
        stage.label(1)
        web = fleet.webs[done % len(fleet.webs)]
        if done % 5 == 4:
            worker = fleet.workers[counts["worker"] % len(fleet.workers)] if done % 10 == 4 else None
            faults.round(worker)
            counts["job" if worker is None else "worker"] += 1
        else:
            faults.promote(fleet.webs[done % len(fleet.webs) - 1])
            if done % 3 == 2:
                faults.kill_host(web)
                counts["host"] += 1
            else:
                faults.kill(web, "web")
                counts["web"] += 1
        faults.all_serve()
        done += 1
        console.print(f"{done} promotions, killed: {counts}")
    return counts


def run(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything up, the load with its kills, and the check of every answer."""
    with LabelStudioServer() as studio, Fleet(webs=4, workers=2, environment=SETTINGS) as fleet:
        stage = Stage(studio, fleet.front, tasks=400, labelled=200)
        stage.promoted()
        stage.promoted()
        faults = Faults(stage, fleet)
        faults.all_serve()
        began = time.monotonic()
        with Load(stage, arguments.clients, arguments.pause) as load:
            killed = kill_in_turn(faults, arguments.promotions, console)
        seconds = time.monotonic() - began
        console.print(f"checking {len(load.answers)} answers …")
        found = faults.checked(load.answers) | latency(load.answers)
        return {
            "machine": machine() | {"load": os.getloadavg()}, "clients": arguments.clients,
            "promotions": arguments.promotions, "killed": killed, "seconds": round(seconds, 1),
            "labels, the same in the ledger and the tool": faults.compared(), "found": found,
        }  # fmt: skip


def main() -> int:
    """Run, print, keep the raw numbers; 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--promotions", type=int, default=20)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--pause", type=float, default=0.4, help="seconds between a client's requests")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    record = run(arguments, console)
    console.print(record, save("fleet_kills", record))
    return int(any(record["found"][kind] for kind in FAULTS))


if __name__ == "__main__":
    raise SystemExit(main())

"""Spans by number of texts and way of learning: `python -m benchmarks.labels.spans --data FOLDER [--small]`.

Every method learns from the same random texts of a set and answers the same test texts: strict micro F1, and the CPU
seconds of learning (for what reads features also those of computing them, once, for the texts that are learnt from).
Every figure is kept as soon as it is there: begun again, it goes on. `--small` leaves jobs out: with fine-tuning a
figure takes minutes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import RESULTS, machine, save
from benchmarks.labels.span_methods import METHODS, SLOW, Field
from benchmarks.labels.span_sets import SETS, draw
from labelwheel.training.kinds import kind_of

LABELS = (50, 150)
NAME = "labels-spans"


def cells(arguments: argparse.Namespace, runs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What is missing in `runs`, measured one by one; the slow methods last, on fewer seeds."""
    known = {(run["set"], run["labels"], run["seed"], run["method"]) for run in runs}
    asked = [
        (name, count, seed, method)
        for slow in (False, True)
        for seed in range(arguments.slow_seeds if slow else arguments.seeds)
        for count in arguments.labels
        for name in arguments.sets
        for method in arguments.methods
        if (method in SLOW) is slow and (name, count, seed, method) not in known
    ]
    for name, count, seed, method in asked:
        drawn = draw(arguments.data, name, count, seed)
        began = time.monotonic()
        answers, spent = METHODS[method](Field.of(drawn))
        kind = kind_of(drawn.question)
        scores = [kind.score(drawn.question, *each) for each in zip(drawn.tests, drawn.golds, answers, strict=True)]
        yield {
            "set": name, "labels": count, "seed": seed, "method": method, "f1": round(kind.headline(scores), 4),
            "cpu_seconds": round(spent, 2), "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip


def show(runs: Sequence[dict[str, Any]]) -> None:
    """A row for each set and number of texts: means over seeds, their number, and CPU seconds."""
    methods = [method for method in METHODS if any(run["method"] == method for run in runs)]
    table = Table("set", "texts", *methods)
    for name, count in sorted({(run["set"], run["labels"]) for run in runs}):
        row = []
        for method in methods:
            own = (name, count, method)
            found = [run for run in runs if (run["set"], run["labels"], run["method"]) == own]
            f1, spent = (np.mean([run[key] for run in found]) if found else 0.0 for key in ("f1", "cpu_seconds"))
            row.append(f"{f1:.3f} ({len(found)} × {spent:.1f} s)" if found else "")
        table.add_row(name, str(count), *row)
    Console(highlight=False, width=180).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--slow-seeds", type=int, default=1, help="of jobs")
    parser.add_argument("--small", action="store_true", help="one seed, and no jobs")
    parser.add_argument("--anew", action="store_true", help="forget what was measured before")
    arguments = parser.parse_args()
    if arguments.small:
        vars(arguments).update(seeds=1, slow_seeds=0)
    kept = RESULTS / f"{NAME}.json"
    runs: list[dict[str, Any]] = []
    if kept.exists() and not arguments.anew:
        runs = json.loads(kept.read_text("utf-8"))["runs"]
    for run in cells(arguments, runs):
        runs.append(run)
        print(*run.values(), flush=True)
        save(NAME, {"machine": machine(), "runs": runs})
    show(runs)


if __name__ == "__main__":
    main()

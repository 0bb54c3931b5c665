"""Accuracy by number of labels and way of learning: `make bench-labels ARGS="--data FOLDER"`.

All methods learn from the same random labels of a set and are measured on texts kept apart. Choices only so far. Every
figure is kept as soon as it is there: begun again, it goes on. `--small` is done within ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import RESULTS, machine, save
from benchmarks.labels.methods import METHODS, Field
from benchmarks.rounds import stage_of

SETS = ("trec6", "snips", "sst2", "banking77", "clinc150", "vader_tweets")
LABELS = (8, 16, 32, 64, 128, 256, 512)
SMALL: dict[str, Sequence[Any]] = {
    "sets": ("trec6", "snips", "sst2"), "labels": (16, 64),
    "methods": ("names", "frozen + LR", "several layers", "fast lane", "ours, quick"),
}  # fmt: skip
NAME = "labels"


def cells(arguments: argparse.Namespace, runs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What is missing in `runs`, measured one by one."""
    known = {(run["set"], run["seed"], run["labels"], run["method"]) for run in runs}
    for name in arguments.sets:
        asked = [
            (seed, count, method)
            for seed in range(arguments.seeds)
            for count in arguments.labels
            for method in arguments.methods
            if (name, seed, count, method) not in known
        ]
        if not asked:
            continue
        stage, pool, test = stage_of(arguments.data, name)
        field = Field(stage, pool)
        for seed, count, method in asked:
            labelled = stage.draw(pool, max(LABELS), seed, skewed=False)[:count]
            began, before = time.monotonic(), os.times()
            logits = METHODS[method](field, labelled, seed)
            after = os.times()
            yield {
                "set": name, "seed": seed, "labels": count, "method": method,
                "accuracy": float((logits[test].argmax(axis=1) == field.gold[test]).mean()),
                "seconds": round(time.monotonic() - began, 2),
                "cpu_seconds": round(after.user + after.system - before.user - before.system, 2),
            }  # fmt: skip


def show(runs: Sequence[dict[str, Any]]) -> None:
    """A row for each set and number of labels: means over seeds, with the standard error."""
    methods = [method for method in METHODS if any(run["method"] == method for run in runs)]
    table = Table("set", "labels", *methods)
    for name in sorted({run["set"] for run in runs}):
        for count in sorted({run["labels"] for run in runs if run["set"] == name}):
            row = []
            for method in methods:
                found = [
                    run["accuracy"]
                    for run in runs
                    if (run["set"], run["labels"], run["method"]) == (name, count, method)
                ]
                error = np.std(found, ddof=1) / np.sqrt(len(found)) if len(found) > 1 else 0.0
                row.append(f"{np.mean(found):.3f} ± {error:.3f}" if found else "")
            table.add_row(name, str(count), *row)
    spent = [f"{np.mean([run['cpu_seconds'] for run in runs if run['method'] == method]):.1f}" for method in methods]
    table.add_row("CPU seconds", "", *spent)
    Console(highlight=False).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="three sets, few labels, without fine-tuning")
    parser.add_argument("--anew", action="store_true", help="forget what was measured before")
    arguments = parser.parse_args()
    if arguments.small:
        vars(arguments).update(SMALL)
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

"""What the light gate lets through on the first labels: `make bench-light-gate ARGS="--data FOLDER"`.

Labels are drawn by chance, and skewed as people come by them: half of one class, a quarter of another. Each head is
judged on its labels out of fold, and measured on texts that nobody labelled.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from benchmarks.labels.field import Field
from benchmarks.labels.lanes import bench
from benchmarks.rounds import stage_of
from labelwheel.backend.revisions import measurement
from labelwheel.backend.revisions.features import Champion

SETS = ("demo", "trec6", "snips", "sst2", "vader_tweets")
LABELS = (10, 16, 24, 32, 64)


class Outcome(NamedTuple):
    """Accuracy of the names and of the head on texts without labels, and what the gate says of the head."""

    names: float
    head: float
    passes: bool
    gain: float
    error: float
    reason: str

    @property
    def served(self) -> float:
        """Accuracy of what people are shown."""
        return self.head if self.passes else self.names


def judged(field: Field, labelled: Sequence[int], rest: Sequence[int], seed: int) -> Outcome:
    """A head on these labels, judged on them alone and measured on `rest`."""
    ground = bench(field, labelled, seed)
    champion = Champion("v", "names", ground.labels, {}, len(field.stage.features[0]))
    found = measurement.take(ground, champion, served=False)
    values = np.stack(found.fitted.head.values(list(field.whole[rest]), list(field.named[rest])))
    names, head = ((one.argmax(axis=1) == field.gold[rest]).mean() for one in (field.named[rest], values))
    verdict = found.verdict
    return Outcome(float(names), float(head), verdict.passes, verdict.gain, verdict.error, verdict.reason)


def main() -> None:
    """Measure, print the table, keep the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets (default: LABELWHEEL_DATA)")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in arguments.sets:
        stage, pool, test = stage_of(arguments.data, name)
        field = Field(stage, pool)
        for skewed in (False, True):
            for count in LABELS:
                for seed in range(arguments.seeds):
                    labelled = stage.draw(pool, count, seed, skewed)
                    found = judged(field, labelled, test or np.setdiff1d(pool, labelled).tolist(), seed)
                    runs.append({"set": name, "skewed": skewed, "labels": count, "seed": seed, **found._asdict()})
    _show(runs)
    print(f"kept in {save('light_gate', {'machine': machine(), 'runs': runs})}")


def _show(runs: Sequence[dict[str, Any]]) -> None:
    table = Table("set", "labels", "passed", "head - names", "served - names", "lost where it passed", "worst")
    for skewed in (False, True):
        for name in [*dict.fromkeys(run["set"] for run in runs), None]:
            there = [run for run in runs if run["skewed"] is skewed and name in (None, run["set"])]
            apart = [run["head"] - run["names"] for run in there]
            served = [one if run["passes"] else 0.0 for one, run in zip(apart, there, strict=True)]
            lost = [min(one, 0.0) for one in served]
            passed = statistics.mean(run["passes"] for run in there)
            table.add_row(
                name or "all", "skewed" if skewed else "random", f"{passed:.0%}",
                f"{statistics.mean(apart):+.3f}", f"{statistics.mean(served):+.3f}", f"{statistics.mean(lost):+.3f}",
                f"{min(served):+.3f}", end_section=name is None,
            )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()

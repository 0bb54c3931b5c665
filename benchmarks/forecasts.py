"""How often a forecast has the truth in its interval, from scores that `bench-labels` has kept: `make bench-forecasts`.

For each set, seed and way of learning of benchmarks/results/labels.json: scores after up to so many labels, as a
project would measure them (on as many examples as there are labels, redrawn), say how many labels it takes to
.9 of the score with all of them. The truth is read off the curve of scores on the test part, between two points by
log-linear interpolation.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import RESULTS, machine, save
from benchmarks.labels import kept
from labelwheel.training.evaluation.forecast import Point, forecast

METHODS = ("frozen + LR", "several layers")
SHARE = 0.9
KNOWN = (128, 256)
DRAWS = 4


def truth(curve: dict[int, float], target: float) -> float | None:
    """The labels at which a curve meets a score for good; None where it never does, or has from its first point on."""
    counts = sorted(curve)
    below = [count for count in counts if curve[count] < target]
    if not below or below[-1] == counts[-1]:
        return None
    low = below[-1]
    high = counts[counts.index(low) + 1]
    part = (target - curve[low]) / (curve[high] - curve[low])
    return float(np.exp(np.log(low) + part * (np.log(high) - np.log(low))))


def measured(curve: dict[int, float], until: int, chance: np.random.Generator) -> list[Point]:
    """As a project would have measured it: each time on all examples so far, of which the easy ones stay easy."""
    points, hard = [], chance.random(until)
    for count in sorted(curve):
        if count <= until:
            score = float(np.mean(hard[:count] < curve[count]))
            points.append(Point(count, score, float(np.sqrt(max(score * (1 - score), 0.02) / count))))
    return points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    curves: dict[tuple[str, int, str], dict[int, float]] = defaultdict(dict)
    for run in kept.read(RESULTS / "labels.json"):
        if run.method in METHODS and run.labels:
            curves[run.set, run.seed, run.method][run.labels] = run.score
    rows = list[dict[str, Any]]()
    for (name, seed, method), curve in sorted(curves.items()):
        needed = truth(curve, SHARE * curve[max(curve)])
        for until in KNOWN if needed is not None else ():
            for draw in range(DRAWS):
                chance = np.random.default_rng([seed, until, draw])
                said = forecast(measured(curve, until, chance), SHARE * curve[max(curve)], seed=draw).needed
                if said is None:
                    continue
                high = said.high if said.high is not None else np.inf
                off = None if said.median is None else round(abs(said.median - needed) / needed, 3)
                rows.append({
                    "set": name, "method": method, "seed": seed, "known": until, "needed": round(needed),
                    "median": said.median, "low": said.low, "high": said.high, "off": off,
                    "covers": said.low is not None and said.low <= needed <= high,
                })  # fmt: skip
    table, summary = Table("forecasts", "number", "covers", "median error"), []
    for name, own in _groups(rows).items():
        offs = [row["off"] if row["off"] is not None else np.inf for row in own]
        off, covers = float(np.median(offs)), float(np.mean([row["covers"] for row in own]))
        summary.append({"of": name, "forecasts": len(own), "covers": round(covers, 3), "off": round(off, 3)})
        table.add_row(name, str(len(own)), f"{covers:.2f}", f"{off:.2f}")
    save("forecasts", {"machine": machine(), "summary": summary})
    Console().print(table)


def _groups(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """All together, by what is known, by how it learns, and by set."""
    found = {"all": rows}
    for key, told in (("known", "after {} labels"), ("method", "{}"), ("set", "{}")):
        for value in sorted({row[key] for row in rows}):
            found[told.format(value)] = [row for row in rows if row[key] == value]
    return found


if __name__ == "__main__":
    main()

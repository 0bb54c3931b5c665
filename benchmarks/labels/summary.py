"""What the figures say: ours beside the best of the others, where more labels made it worse, what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.labels.kept import Run
from benchmarks.labels.methods import METHODS, OTHERS, OURS, QUICK, STOCK
from labelwheel.backend.rounds import policy
from labelwheel.backend.settings import Settings

SHOWN = 300
"""Suggestions that are counted as accepted or not."""

FULL = 1000
"""So many labels are all that stock fine-tuning can use."""

Points = Mapping[tuple[str, int, str], Mapping[int, Run]]
"""By set, number of labels and method the run of each seed."""


class Mean(NamedTuple):
    """Of some seeds, with its standard error; that is None of a single one."""

    value: float
    error: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        count = len(values)
        error = float(np.std(values, ddof=1) / np.sqrt(count)) if count > 1 else None
        return cls(float(np.mean(values)), error)

    def __str__(self) -> str:
        return f"{self.value:.3f}" + ("" if self.error is None else f" ± {self.error:.3f}")

    @property
    def below(self) -> bool:
        """Whether it is negative by more than its standard error."""
        return self.value < -(self.error or 0.0)


def points(runs: Sequence[Run]) -> Points:
    """The runs by what is compared."""
    found: dict[tuple[str, int, str], dict[int, Run]] = {}
    for run in runs:
        found.setdefault((run.set, run.labels, run.method), {})[run.seed] = run
    return found


def beside(there: Points, ours: str = OURS) -> dict[tuple[str, int], tuple[str, Mean]]:
    """For each set and number of labels the best other method, and ours minus that, on seeds that both have."""
    found: dict[tuple[str, int], tuple[str, Mean]] = {}
    for (name, count, method), mine in there.items():
        if method != ours:
            continue
        apart = {
            other: Mean.of([mine[seed].score - theirs[seed].score for seed in sorted(mine) if seed in theirs])
            for other in OTHERS
            if (theirs := there.get((name, count, other), {})).keys() & mine.keys()
        }
        if apart:
            best = min(apart, key=lambda other: apart[other].value)
            found[name, count] = best, apart[best]
    return found


def falls(there: Points, method: str = OURS) -> list[tuple[str, int, int, Mean]]:
    """Where more labels made a method worse by more than the standard error: set, fewer, more, the difference."""
    found = []
    for name in sorted({each for each, _, other in there if other == method}):
        counts = sorted(count for each, count, other in there if (each, other) == (name, method))
        for fewer, more in pairwise(counts):
            before, after = there[name, fewer, method], there[name, more, method]
            shared = sorted(before.keys() & after.keys())
            apart = Mean.of([after[seed].score - before[seed].score for seed in shared]) if shared else None
            if apart is not None and apart.below:
                found.append((name, fewer, more, apart))
    return found


def costs(there: Points, name: str, ours: str = OURS) -> dict[str, float] | None:
    """CPU seconds a label, up to the most labels that ours and stock fine-tuning both have; None where there are none.

    Stock learns from all labels each time: after each label, or only when one of our rounds would begin.
    """
    counts = [count for each, count, method in there if (each, method) == (name, ours)]
    shared = sorted(count for count in counts if count and (name, count, STOCK) in there)
    if not shared:
        return None
    last = shared[-1]

    def spent(count: int, method: str) -> float:
        return float(np.mean([run.cpu_seconds for run in there[name, count, method].values()]))

    cost = [0.0, *(spent(count, STOCK) for count in shared)]
    each = np.interp(np.arange(1, last + 1), [0, *shared], cost)
    begun = rounds(last)
    return {
        "labels": last,
        "ours": spent(last, ours) / last,
        "stock, after each label": float(each.sum()) / last,
        "stock, at our rounds": float(sum(each[count - 1] for count in begun)) / last,
    }


def rounds(last: int) -> list[int]:
    """At how many labels rounds begin."""
    settings, found = Settings(_env_file=None), list[int]()
    while True:
        decided = found[-1] if found else None
        count = (decided or 0) + policy.threshold(decided, False, settings)
        if count > last:
            return found
        found.append(count)


def accepted(there: Points, name: str, method: str) -> float | None:
    """The share of the first `SHOWN` suggestions that needed no change; None where the curve ends before half of them.

    Each label's suggestion is as good as the last that was measured before it; before the first one none is accepted.
    """
    curve = {
        count: float(np.mean([run.right for run in runs.values()]))
        for (each, count, other), runs in there.items()
        if (each, other) == (name, method)
    }
    if not curve or max(curve) < SHOWN // 2:
        return None
    shares = [max(((count, right) for count, right in curve.items() if count <= at), default=(0, 0.0))[1]
              for at in range(SHOWN)]  # fmt: skip
    return float(np.mean(shares))


def reached(there: Points, name: str, method: str, share: float = 0.9) -> float | None:
    """After how many labels a method has so much of what stock fine-tuning reaches with thousands; None where it never
    has, or stock was not measured with so many. Between two points in proportion."""
    full = [count for each, count, other in there if (each, other) == (name, STOCK) and count >= FULL]
    counts = sorted(count for each, count, other in there if (each, other) == (name, method))
    if not full or not counts:
        return None
    means = [Mean.of([run.score for run in there[name, count, method].values()]).value for count in counts]
    wanted = share * Mean.of([run.score for run in there[name, max(full), STOCK].values()]).value
    if means[0] >= wanted:
        return float(counts[0])
    for (fewer, before), (more, after) in pairwise(zip(counts, means, strict=True)):
        if after >= wanted:
            return fewer + (more - fewer) * (wanted - before) / (after - before)
    return None


def told(runs: Sequence[Run]) -> dict[str, Any]:
    """What is kept with the runs."""
    there = points(runs)
    ours = OURS if any(method == OURS for _, _, method in there) else QUICK
    found = beside(there, ours)
    names = sorted({run.set for run in runs})
    counts = sorted({count for _, count in found})
    return {
        "ours": ours,
        "ours_less_best_other": [
            {"set": name, "labels": count, "best": best, "difference": round(apart.value, 4),
             "error": None if apart.error is None else round(apart.error, 4)}
            for (name, count), (best, apart) in sorted(found.items())
        ],
        "mean_over_sets": {
            count: round(float(np.mean([apart.value for (_, each), (_, apart) in found.items() if each == count])), 4)
            for count in counts
        },
        "worse_with_more_labels": [
            {"set": name, "from": fewer, "to": more, "difference": round(apart.value, 4)}
            for name, fewer, more, apart in falls(there, ours)
        ],
        "cpu_seconds_a_label": {name: found for name in names if (found := costs(there, name, ours))},
        "labels_to_90_percent": {
            name: {one: round(count) for one in METHODS if (count := reached(there, name, one)) is not None}
            for name in names
        },
        "accepted": {
            name: {one: round(share, 4) for one in METHODS if (share := accepted(there, name, one)) is not None}
            for name in names
        },
    }  # fmt: skip


def show(runs: Sequence[Run]) -> None:
    """The table, and below it what it says."""
    there, console = points(runs), Console(highlight=False)
    methods = [method for method in METHODS if any(run.method == method for run in runs)]
    table = Table("set", "labels", *methods)
    for name in sorted({run.set for run in runs}):
        for count in sorted({run.labels for run in runs if run.set == name}):
            found = [there.get((name, count, method)) for method in methods]
            cells = [str(Mean.of([run.score for run in each.values()])) if each else "" for each in found]
            table.add_row(name, str(count), *cells)
    console.print(table)
    for key, value in told(runs).items():
        lines = value if isinstance(value, list) else [value]
        for line in lines or ["nowhere"]:
            console.print(f"{key}: {line}")

"""How often a forecast of the labels that a score takes has the truth in its interval: `make bench-forecasts`.

For each set and draw, after so many labels: the learning curve that a round would draw of heads that follow the labels
(`training.heads.learning_curve`), or where it draws none the scores of all rounds so far, say how many labels it takes
to a share of what such heads reach with 512. Beside it the same by rounds' scores alone, as before. A round's score is
drawn: its examples, a fifth of the labels filled up to fifty, are right as often as heads on so many labels are. The
truth is read off such heads on the first labels of the draw, measured on other texts, between two points by log-linear
interpolation.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from benchmarks.labels.field import Field
from benchmarks.labels.lanes import bench, fast
from benchmarks.labels.summary import rounds
from benchmarks.rounds import HELD_OUT, stage_of
from labelwheel.training.evaluation.forecast import Point, forecast
from labelwheel.training.heads import followed
from labelwheel.training.heads.fitting import measure
from labelwheel.training.sufficiency import ENOUGH_GROUPS

SETS = ("trec6", "snips", "sst2", "vader_tweets", "banking77", "clinc150", "goemotions")
COUNTS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
SHARES = (0.9, 0.95)
KNOWN = (128, 256)
_TESTS = 2000


def truth(curve: Mapping[int, float], target: float) -> float | None:
    """The labels at which a curve meets a score for good; None where it never does, or has from its first point on."""
    counts = sorted(curve)
    below = [count for count in counts if curve[count] < target]
    if not below or below[-1] == counts[-1]:
        return None
    low = below[-1]
    high = counts[counts.index(low) + 1]
    part = (target - curve[low]) / (curve[high] - curve[low])
    return float(np.exp(np.log(low) + part * (np.log(high) - np.log(low))))


def scored_rounds(curve: Mapping[int, float], until: int, chance: np.random.Generator) -> list[Point]:
    """What rounds would have measured, one after the other; easy examples stay easy."""
    hard, held = chance.random(until), chance.random(until) < HELD_OUT
    points, counts = [], sorted(curve)
    for labels in rounds(until):
        chosen = np.flatnonzero(held[:labels])
        filled = chance.permutation(np.flatnonzero(~held[:labels]))[: max(0, ENOUGH_GROUPS - len(chosen))]
        right = np.interp(np.log(labels), np.log(counts), [curve[count] for count in counts])
        measured = np.concatenate([chosen, filled])
        score = float(np.mean(hard[measured] < right))
        points.append(Point(labels, score, float(np.sqrt(max(score * (1 - score), 0.02) / len(measured)))))
    return points


def drawn(field: Field, labelled: Sequence[int], seed: int) -> list[Point]:
    """The learning curve that a round would draw, empty where it would draw none."""
    made = bench(field, labelled, seed)
    points = followed.curve(made, measure(made, followed.SECONDS, followed.PARTS))
    return [Point.of(point.labels, point.score, point.low, point.high) for point in points]


def run(data: str | None, name: str, seeds: int) -> list[dict[str, Any]]:
    """The forecasts of one set."""
    stage, pool, _ = stage_of(data, name)
    field = Field(stage, pool)
    field.embed()
    rows = list[dict[str, Any]]()
    for seed in range(seeds):
        chance = np.random.default_rng(seed)
        order = stage.draw(pool, max(COUNTS), seed, skewed=False)
        others = chance.permutation(np.setdiff1d(pool, order))[:_TESTS].tolist()
        curve = {count: field.score(others, fast(field, order[:count], seed)(others)) for count in COUNTS}
        for known in KNOWN:
            by_rounds, by_curve = scored_rounds(curve, known, chance), drawn(field, order[:known], seed)
            ways = {"rounds": by_rounds, "as now": by_curve or by_rounds}
            for share in SHARES:
                target = share * curve[max(curve)]
                if (needed := truth(curve, target)) is None:
                    continue
                told = {"set": name, "seed": seed, "known": known, "share": share, "needed": round(needed)}
                for way, points in ways.items():
                    said = forecast(points, target, seed=seed, labels=known).needed
                    assert said is not None
                    high = np.inf if said.high is None else said.high
                    off = None if said.median is None else round(abs(said.median - needed) / needed, 3)
                    covers = said.low is not None and said.low <= needed <= high
                    curved = way == "as now" and bool(by_curve)
                    found = {"by": way, "curve": curved, "off": off, "covers": covers, **said.model_dump()}
                    rows.append(told | found)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS, help="which sets")
    parser.add_argument("--seeds", type=int, default=5, help="how many draws")
    arguments = parser.parse_args()
    rows = list[dict[str, Any]]()
    for name in arguments.sets:
        rows += run(arguments.data, name, arguments.seeds)
        save("forecasts", {"machine": machine(), "summary": _summary(rows), "forecasts": rows})
    table = Table("forecasts", "by", "number", "with a curve", "covers", "median error")
    for each in _summary(rows):
        row = (each["of"], each["by"], each["number"], each["curve"], each["covers"], each["off"])
        table.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row))
    Console().print(table)


def _summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for name, own in _groups(rows).items():
        for way in ("rounds", "as now"):
            there = [row for row in own if row["by"] == way]
            offs = [np.inf if row["off"] is None else row["off"] for row in there]
            shares = {key: round(float(np.mean([row[key] for row in there])), 3) for key in ("curve", "covers")}
            off = float(np.median(offs))
            found.append(
                {"of": name, "by": way, "number": len(there), **shares, "off": round(off, 3) if off < np.inf else None}
            )
    return found


def _groups(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """All together, by share, by what is known, those whose target is still to come, and by set."""
    found = {"all": rows}
    for key, told in (("share", "to {} of the full score"), ("known", "after {} labels"), ("set", "{}")):
        for value in sorted({row[key] for row in rows}):
            found[told.format(value)] = [row for row in rows if row[key] == value]
    ahead = [row for row in rows if row["needed"] > row["known"]]
    return found | ({"still to come": ahead} if ahead else {})


if __name__ == "__main__":
    main()

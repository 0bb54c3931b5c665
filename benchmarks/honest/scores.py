"""Whether scores mean what they say: the scores that people are shown, and the interval of the score in the report.

Of each set: texts labelled at random, several draws; what rounds train in seconds, the fast lane's head, and of whole
texts what people are shown, by whichever of both the gates let through. The error
of scores is over bins of equally many (see `calibration_error`), of single items: a choice, a label, a span. Of
spans those count that people are shown where nobody has set anything else; beside it is the error of all.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.common import machine, save
from benchmarks.honest.score_runs import SPANS, Run, of_spans, of_texts

SETS = (
    "trec6", "snips", "sst2", "vader_tweets", "goemotions", "banking77", "wnut17", "btc", "ncbi_disease",
)  # fmt: skip
LABELS, SEEDS = (100, 200, 400), 5


@dataclass(frozen=True)
class Summary:
    """Means over draws; `covered` of `intervals` reported ones hold the score on the test part.

    `plain`, `debiased`, `perfect` and `surplus` are of items that are shown; `items` and `whole` are debiased, too.
    A run that shows nothing has no errors.
    """

    set: str
    labels: int
    lane: str
    runs: int
    score: float
    plain: float
    debiased: float
    perfect: float
    surplus: float
    items: float
    whole: float
    intervals: int
    covered: int


def run(data: str | None, sets: Sequence[str], labels: Sequence[int], seeds: int) -> dict[str, Any]:
    """Measures everything, keeps the figures after each set and shows them."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    began, found, record = time.monotonic(), list[Run](), dict[str, Any]()
    for name in sets:
        ways = of_spans if name in SPANS else of_texts
        found += ways(data, name, sorted(labels), range(seeds))
        record = {
            "machine": machine(), "seconds": round(time.monotonic() - began),
            "summary": [vars(each) for each in summaries(found)], "runs": [_plain(each) for each in found],
        }  # fmt: skip
        save("honest-scores", record)
    _show(found)
    return record


def summaries(runs: Sequence[Run]) -> list[Summary]:
    """One for each set, number of labels and lane, in the order of the runs."""
    found = []
    for key in dict.fromkeys((one.set, one.labels, one.lane) for one in runs):
        own = [one for one in runs if (one.set, one.labels, one.lane) == key]
        said = [one.covers for one in own if one.covers is not None]
        shown = [one.errors.shown for one in own if one.errors.shown.scores]
        figures = (
            [one.score for one in own], [one.plain for one in shown], [one.debiased for one in shown],
            [one.perfect for one in shown], [one.surplus for one in shown],
            [one.errors.items.debiased for one in own if one.errors.items.scores],
            [one.errors.whole.debiased for one in own if one.errors.whole.scores],
        )  # fmt: skip
        means = (round(float(np.mean(each)), 4) if each else 0.0 for each in figures)
        found.append(Summary(*key, len(own), *means, len(said), sum(said)))
    return found


def _plain(one: Run) -> dict[str, Any]:
    told = {name: each._asdict() for name, each in one.errors._asdict().items()}
    return {key: value for key, value in one._asdict().items() if key != "errors"} | told | {"covers": one.covers}


def _show(runs: Sequence[Run]) -> None:
    table = Table(
        "set", "labels", "lane", "score", "ECE", "debiased", "if perfect", "too sure by", "of all", "of whole answers",
        "covered",
    )  # fmt: skip
    there = summaries(runs)
    for one in there:
        figures = (one.score, one.plain, one.debiased, one.perfect, one.surplus, one.items, one.whole)
        covered = f"{one.covered} of {one.intervals}" if one.intervals else ""
        table.add_row(one.set, str(one.labels), one.lane, *(f"{each:.3f}" for each in figures), covered)
    screen = Console(width=140)
    screen.print(table)
    for lane in dict.fromkeys(one.lane for one in there):
        own = [one for one in there if one.lane == lane]
        for labels in sorted({one.labels for one in own}):
            errors = [one.debiased for one in own if one.labels == labels]
            perfect = np.mean([one.perfect for one in own if one.labels == labels])
            told = f"{np.mean(errors):.3f} in the mean, {max(errors):.3f} at worst (perfect scores: {perfect:.3f})"
            screen.print(f"{lane}, {labels} labels: debiased ECE of what is shown {told}")
    covered, all_of_them = sum(one.covered for one in there), sum(one.intervals for one in there)
    screen.print(f"reported intervals that hold the score on the test part: {covered} of {all_of_them}")

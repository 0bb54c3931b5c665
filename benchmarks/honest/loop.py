"""Whether what people are shown ever gets worse: whole loops from the first label on, measured on texts kept apart.

Both lanes behind their gates, as in `benchmarks.labels.loop`, and beside them what would be served if the newest head
always was. A fall is how far the accuracy at one of the counts of labels is below its best at any count before. No gate
can tell what becomes of texts unlike those that are labelled, and some test parts are of such: of 5,452 training texts
of TREC 22 in 100 ask for a person, of its 500 test texts 13. So falls on texts that were left unlabelled are told, too.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from benchmarks.honest.gate import FALL
from benchmarks.labels.field import Field
from benchmarks.labels.lanes import by_head
from benchmarks.labels.learning import Answerer
from benchmarks.labels.loop import Loop
from benchmarks.rounds import stage_of
from labelwheel.training.strategies.base import Cost

SETS = ("demo", "trec6", "snips", "sst2", "banking77", "clinc150", "vader_tweets", "goemotions")
COUNTS = (0, 8, 16, 32, 64, 128)
_TEXTS, _TESTS = 2000, 1000


class Watched(Loop):
    """A loop whose newest head can be asked, whatever its gate says."""

    def newest(self) -> Answerer:
        """What would be shown if heads needed no gate."""
        if self._last is None:
            return self._champion.answer
        return by_head(self.field, self._last.head, self._champion.whole, self._champion.logits)


def fall(scores: Sequence[float]) -> float:
    """The farthest that any score is below the best before it; 0 where none is."""
    best = np.maximum.accumulate(np.asarray(scores))
    return float((best - np.asarray(scores)).max())


def run(
    data: str | None, sets: Sequence[str], seeds: int, counts: Sequence[int] = COUNTS, first: int = 0
) -> dict[str, Any]:
    """Measures every set, keeps the figures after each and shows them; other draws than the first few beside them."""
    runs: list[dict[str, Any]] = []
    record: dict[str, Any] = {"machine": machine(), "counts": list(counts), "runs": runs}
    for name in sets:
        stage, pool, test = stage_of(data, name, _TEXTS)
        field = Field(stage, pool)
        field.embed()
        for seed in range(first, first + seeds):
            order = stage.draw(pool, max(counts), seed, skewed=False)
            left = np.random.default_rng(seed).permutation(np.setdiff1d(pool, order))[:_TESTS].tolist()
            walked = _walk(Watched(field, seed, Cost.SECONDS), order, counts, test[:_TESTS] or left, left)
            runs.append({"set": name, "seed": seed, **walked})
        save(f"honest-loop-{first}" if first else "honest-loop", record)
        print(f"{name}: done", file=sys.stderr)
    _show(runs, counts)
    return record


def _walk(
    loop: Watched, order: Sequence[int], counts: Sequence[int], tested: Sequence[int], left: Sequence[int]
) -> dict[str, Any]:
    shown, newest, alike = [], [], []
    for count in range(max(counts) + 1):
        if count:
            loop.label(order[count - 1])
        if count in counts:
            shown.append(loop.field.score(tested, loop.answer()(tested)))
            newest.append(loop.field.score(tested, loop.newest()(tested)))
            alike.append(loop.field.score(left, loop.answer()(left)))
    fell = {"fell": fall(shown), "newest_fell": fall(newest), "fell_alike": fall(alike)}
    return {"shown": shown, "newest": newest, "alike": alike, **fell, "log": loop.log}


def _show(runs: Sequence[dict[str, Any]], counts: Sequence[int]) -> None:
    title = f"accuracy of what is shown, and runs in which it falls by more than {FALL}"
    columns = ("fell", "farthest", "fell on texts like those labelled", "fell without gates")
    table = Table("set", *map(str, counts), *columns, title=title)
    for name in [*dict.fromkeys(run["set"] for run in runs), "all"]:
        there = [run for run in runs if name in (run["set"], "all")]
        means = np.mean([run["shown"] for run in there], axis=0)
        fell = [sum(run[key] > FALL for run in there) for key in ("fell", "fell_alike", "newest_fell")]
        told = [f"{mean:.3f}" for mean in means] + [f"{fell[0]} of {len(there)}"]
        table.add_row(name, *told, f"{max(run['fell'] for run in there):.3f}", *map(str, fell[1:]))
    Console(width=160).print(table)

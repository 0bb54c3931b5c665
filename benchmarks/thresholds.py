"""One threshold for all classes, or one for each: `python -m benchmarks.thresholds --data FOLDER`.

Of questions with several labels. Both lanes learn on the frozen encoder, say what they would out of fold, and answer
test texts; thresholds are found on what was said out of fold. Those of classes are shrunk towards the common one by the
number of positives, and smoothed over neighbouring thresholds. "chosen" has them where a second cross-validation, which
judges thresholds on labels that they were not fitted on, gives a higher micro F1 and a macro F1 that is no lower.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import expit

from benchmarks.common import machine, save
from benchmarks.labels import lanes
from benchmarks.labels.field import Field
from benchmarks.rounds import stage_of
from labelwheel.training.heads import fitting
from labelwheel.training.kinds import scaling
from labelwheel.training.kinds.objectives import Sigmoid
from labelwheel.training.strategies.frozen_regression import CALIBRATION_FOLDS

EDGES = np.linspace(0.1, 0.7, 25)
SHRINK, FOLDS, SMOOTH = 50, 5, 5
TEXTS, SECONDS = 6000, 600.0
MICRO = {"for F1 of the class": 0.0, "for both": 0.5, "for micro F1": 1.0}
"""How much the class's share in micro F1 weighs against its own F1."""
Said = tuple[np.ndarray, np.ndarray]


def per_class(likely: np.ndarray, wanted: np.ndarray, common: float, micro: float) -> np.ndarray:
    """A threshold for each class, (classes,), from probabilities and zeros and ones, (texts, classes)."""
    hits = np.stack([((likely >= edge) * wanted).sum(0) for edge in EDGES])
    given = np.stack([(likely >= edge).sum(0) for edge in EDGES])
    count, now = wanted.sum(0), int(np.abs(EDGES - common).argmin())
    level = hits[now].sum() / max(given[now].sum() + count.sum(), 1)  # micro F1 grows by what is right more often
    gain, f1 = _smooth((hits - level * given) / np.maximum(count, 1)), _smooth(2 * hits / np.maximum(given + count, 1))
    worth = micro * (gain - gain[now]) + (1 - micro) * (f1 - f1[now]) - 1e-6 * np.abs(EDGES - common)[:, None]
    share = np.where(count > 1, count / (count + SHRINK), 0.0)
    return share * EDGES[worth.argmax(0)] + (1 - share) * common


def scores(given: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Micro F1, and macro F1 over the classes that there are."""
    hits, total = (given * wanted).sum(0), given.sum(0) + wanted.sum(0)
    used = wanted.any(0)
    return np.array([2 * hits.sum() / max(total.sum(), 1), (2 * hits[used] / np.maximum(total[used], 1)).mean()])


def compared(known: Said, test: Said, seed: int) -> Iterator[dict[str, Any]]:
    """Each way on the test texts, and what it gains out of fold over one threshold; `known` are (logits, wanted)."""
    logits, wanted = known
    heat = scaling.temperature(Sigmoid(), logits, wanted)
    likely, there = expit(logits / heat), expit(test[0] / heat)
    common = scaling.threshold(likely, wanted)
    base = scores(there >= common, test[1])
    yield _row("one for all", base, np.zeros(2), base)
    fold = np.random.default_rng(seed).permutation(len(likely)) % FOLDS
    for name, micro in MICRO.items():
        one, own = np.zeros(wanted.shape, bool), np.zeros(wanted.shape, bool)
        for place in range(FOLDS):
            learn, out = fold != place, fold == place
            edge = scaling.threshold(likely[learn], wanted[learn])
            one[out] = likely[out] >= edge
            own[out] = likely[out] >= per_class(likely[learn], wanted[learn], edge, micro)
        gained = scores(own, wanted) - scores(one, wanted)
        found = scores(there >= per_class(likely, wanted, common, micro), test[1])
        yield _row(name, found, gained, base)
        yield _row(f"{name}, chosen", found if gained[0] > 0 and gained[1] >= 0 else base, gained, base)


def runs(field: Field, test: Sequence[int], counts: Sequence[int], seeds: int) -> Iterator[dict[str, Any]]:
    """Both lanes on each draw of labels."""
    stage, gold = field.stage, field.gold
    for seed in range(seeds):
        order = stage.draw(field.pool, max(counts), seed, skewed=False)
        for count in counts:
            chosen = order[:count]
            for lane, way in (("fast lane", _fast), ("round", _round)):
                known, there = way(field, chosen, test, seed)
                for row in compared((known, gold[chosen]), (there, gold[list(test)]), seed):
                    yield {"labels": count, "seed": seed, "lane": lane, **row}


def _fast(field: Field, chosen: Sequence[int], test: Sequence[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    bench = lanes.bench(field, chosen, seed)
    logits, blend, _ = fitting.out_of_fold(bench, SECONDS, fitting.FOLDS)
    everything = range(len(chosen))
    head = bench.head(bench.regression(everything, None, None, SECONDS), everything, blend)
    said = head.values(list(field.whole[list(test)]), list(field.named[list(test)]))
    return np.stack([logits[place] for place in range(len(chosen))]), np.stack(said)


def _round(field: Field, chosen: Sequence[int], test: Sequence[int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows = [field.stage.rows[place] for place in chosen]
    given = field.stage.materials(rows, rows, [])
    frozen, setting = given.frozen, given.setting
    learnt, logits = frozen.fit(range(len(rows)), setting), dict[int, np.ndarray]()
    for learn, measure in given.layout.folds(CALIBRATION_FOLDS):
        logits |= frozen.logits(frozen.fit(learn, setting, start=learnt), measure)
    head = frozen.written(learnt)
    there = np.stack([field.stage.features[place] for place in test]) @ head.weight.T + head.bias
    return np.stack([logits[place] for place in range(len(rows))]), there


def _smooth(table: np.ndarray) -> np.ndarray:
    padded = np.pad(table, ((SMOOTH // 2, SMOOTH // 2), (0, 0)), mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, SMOOTH, axis=0).mean(-1))


def _row(way: str, found: np.ndarray, gained: np.ndarray, base: np.ndarray) -> dict[str, Any]:
    figures = {"micro": found[0], "macro": found[1], "micro_gain": found[0] - base[0], "macro_gain": found[1] - base[1]}
    figures |= {"micro_out_of_fold": gained[0], "macro_out_of_fold": gained[1]}
    return {"way": way, **{name: round(float(value), 4) for name, value in figures.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=["goemotions"])
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    began, found = time.monotonic(), list[dict[str, Any]]()
    for name in arguments.sets:
        stage, pool, test = stage_of(arguments.data, name, TEXTS)
        field = Field(stage, pool)
        field.embed()
        found += [{"set": name, **row} for row in runs(field, test, arguments.labels, arguments.seeds)]
    save("thresholds", {"machine": machine(), "seconds": round(time.monotonic() - began), "runs": found})
    show(found)


def show(found: Sequence[dict[str, Any]]) -> None:
    """Means over seeds of each set, number of labels and lane."""
    names = ("micro", "macro", "micro_gain", "macro_gain", "micro_out_of_fold", "macro_out_of_fold")
    table = Table("set", "labels", "lane", "thresholds", *(name.replace("_", " ") for name in names))
    keys = ("set", "labels", "lane", "way")
    for key in dict.fromkeys(tuple(row[name] for name in keys) for row in found):
        own = [row for row in found if tuple(row[name] for name in keys) == key]
        table.add_row(*map(str, key), *(f"{np.mean([row[name] for row in own]):+.3f}" for name in names))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()

"""Contrast with and without its own guesses on unlabelled texts: `python -m benchmarks.guesses --data FOLDER`.

Random labels of 600 texts of a set's training part, the others without a label, both trainings as a round has them on
all labels, and their accuracy on 400 texts of the test part. What a round makes of it, out of fold, is not looked at.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import rounds
from benchmarks.common import machine, save
from benchmarks.rounds import Stage
from labelwheel.training import batches, encoders
from labelwheel.training.strategies import self_taught
from labelwheel.training.strategies.self_taught import SelfTaught

TEXTS, LENGTH = 1200, 128
SETS = ("trec6", "snips", "sst2", "banking77")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--name", default="guesses", help="what the figures are kept under")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in arguments.sets:
        stage, pool, tests = rounds.stage_of(arguments.data, name, TEXTS)
        for count in arguments.labels:
            for seed in arguments.seeds:
                run = _run(stage, pool, tests, count, seed)
                if run is not None:
                    runs.append({"set": name, "labels": count, "seed": seed, **run})
                    print(json.dumps(runs[-1]), file=sys.stderr)
                    save(arguments.name, {"machine": machine(), "runs": runs})
    _show(runs)


def _run(stage: Stage, pool: Sequence[int], tests: Sequence[int], count: int, seed: int) -> dict[str, Any] | None:
    """None where labels or texts are too few for it."""
    chosen = stage.draw(pool, count, seed, skewed=False)
    rows = [stage.rows[place] for place in chosen]
    given = stage.materials(rows, rows, [place for place in pool if place not in set(chosen)], minutes=600)
    self_taught.A_CLASS, self_taught.MOST_LABELS = 0, 1000  # also where a round would not try it
    strategy, everything = SelfTaught(given), range(len(rows))
    if not strategy.applies():
        return None
    strategy.time_steps()
    begin = time.process_time()
    first = strategy.first(everything, lambda share: None)
    middle = time.process_time()
    taught = strategy.taught(first, everything, lambda share: None)
    end = time.process_time()
    found: dict[str, Any] = {"cpu_seconds": round(middle - begin, 1), "more_cpu_seconds": round(end - middle, 1)}
    for way, tuned in (("contrast", first), ("guesses", taught)):
        head = tuned.frozen.written(tuned.head)
        encoders.write_head(tuned.module, head.weight, head.bias)
        texts = [stage.encodings[place] for place in tests]
        logits = np.stack(batches.forward(tuned.module, texts, stage.tokenizer.pad_token_id))
        said = [stage.id2label[int(number)] for number in logits.argmax(axis=1)]
        right = [one == stage.rows[place].answer for one, place in zip(said, tests, strict=True)]
        found[way] = round(float(np.mean(right)), 4)
    return found


def _show(runs: Sequence[dict[str, Any]]) -> None:
    table = Table("set", "labels", "contrast", "with guesses", "difference, least")
    for name, count in sorted({(run["set"], run["labels"]) for run in runs}):
        there = [run for run in runs if (run["set"], run["labels"]) == (name, count)]
        means = [f"{statistics.mean(run[key] for run in there):.3f}" for key in ("contrast", "guesses")]
        least = min(run["guesses"] - run["contrast"] for run in there)
        table.add_row(name, str(count), *means, f"{least:+.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()

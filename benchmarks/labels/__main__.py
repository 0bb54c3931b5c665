"""How good suggestions are by number of labels and way of learning: `make bench-labels ARGS="--data FOLDER"`.

All methods learn from the same random labels of a set, in the same order, and are measured on texts kept apart. Every
figure is kept as soon as it is there: begun again, it goes on. What takes seconds is done first, with `--seeds`; then
what takes minutes, with `--slow-seeds`. `--small` is done within ten minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from benchmarks.common import RESULTS
from benchmarks.labels import kept, plot, summary
from benchmarks.labels.field import Field
from benchmarks.labels.kept import Run
from benchmarks.labels.methods import METHODS, QUICK, SLOW
from benchmarks.rounds import stage_of

SETS = ("trec6", "snips", "sst2", "banking77", "clinc150", "vader_tweets", "goemotions")
LABELS = (0, 8, 16, 32, 64, 128, 256, 512)
SMALL: dict[str, Sequence[Any]] = {
    "sets": ("trec6", "snips", "sst2"), "labels": (0, 16, 64),
    "methods": [name for name in METHODS if name not in SLOW or name == QUICK],
}  # fmt: skip
NAME = "labels"


def cells(arguments: argparse.Namespace, known: Sequence[Run]) -> Iterator[Run]:
    """What is missing in `known`, measured one by one."""
    done = {(run.set, run.seed, run.labels, run.method) for run in known}

    @cache
    def field_of(name: str) -> tuple[Field, list[int]]:
        stage, pool, test = stage_of(arguments.data, name)
        field = Field(stage, pool)
        field.embed()
        return field, test

    for name, seed, method in _asked(arguments):
        missing = [count for count in sorted(arguments.labels) if (name, seed, count, method) not in done]
        if not missing:
            continue
        field, test = field_of(name)
        order = field.stage.draw(field.pool, max(*LABELS, *missing), seed, skewed=False)
        for learnt in METHODS[method](field, order, missing, seed):
            said = learnt.answer(test)
            score, right = field.score(test, said), field.right(test, said)
            spent = round(learnt.cpu_seconds, 2)
            yield Run(name, seed, learnt.labels, method, round(score, 4), round(right, 4), spent)


def _asked(arguments: argparse.Namespace) -> Iterator[tuple[str, int, str]]:
    """Set, seed and method, in the order in which they are measured."""
    for slow, seeds in ((False, arguments.seeds), (True, arguments.slow_seeds)):
        for seed in range(seeds):
            for name in arguments.sets:
                for method in arguments.methods:
                    if (method in SLOW) is slow:
                        yield name, seed, method


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--slow-seeds", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="three sets, few labels, two seeds, without fine-tuning")
    parser.add_argument("--anew", action="store_true", help="forget what was measured before")
    arguments = parser.parse_args()
    if arguments.small:
        vars(arguments).update(SMALL, seeds=min(arguments.seeds, 2))
    # small matrices: more threads wait for each other, and burn many times the CPU
    threadpool_limits(1)
    torch.set_num_threads(1)
    file = RESULTS / f"{NAME}.json"
    runs = [] if arguments.anew else kept.read(file)
    for run in cells(arguments, runs):
        runs.append(run)
        print(*run, flush=True)
        kept.write(file, runs)
    kept.write(file, runs, **summary.told(runs))
    plot.draw(runs, RESULTS / f"{NAME}.svg")
    summary.show(runs)


if __name__ == "__main__":
    main()

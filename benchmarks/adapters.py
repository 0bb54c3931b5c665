"""Adapters against training the whole model, from the same labels: `python -m benchmarks.adapters --data FOLDER`.

Accuracy on the set's test part, which decides nothing, of what each strategy makes of some labels by itself, with its
choice of epochs; adapters at several times the rate of whole weights.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import texts
from benchmarks.common import machine, save
from labelwheel.training import batches, encoders
from labelwheel.training.kinds import kind_of
from labelwheel.training.model import pad_token
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.spec import LabelledExample
from labelwheel.training.strategies.base import Strategy
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.low_rank import LowRank
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem

LENGTH = 128


def at(times: float) -> type[Strategy]:
    """The strategy with adapters that learn so many times as fast as whole weights."""

    def start(self: LowRank) -> FineTuned:
        tuned = LowRank.start(self)
        tuned.settings = replace(tuned.settings, adapter_rate=tuned.settings.rate * times)
        return tuned

    return type(f"At{times:g}", (LowRank,), {"start": start})


def run(
    strategy: type[Strategy], rows: list[LabelledExample], test: list[LabelledExample], question: Any, seed: int
) -> dict[str, Any]:
    """What one strategy comes to, on the test part and by its own measure."""
    kind = kind_of(question)
    base, tokenizer = encoders.load(None, kind.config(question), kind.auto_class)
    problem = Problem.build(question, kind, rows, tokenizer, LENGTH)
    frozen = Frozen.build(problem, base, tokenizer, LENGTH, encoders.features)
    begin = time.monotonic()
    given = Materials(problem, base, tokenizer, frozen, None, LENGTH, seed, Budget(begin + 3600), Progress(Listener()))
    made = strategy(given)
    outcome, finished = made.measure(), made.finish()
    seconds = time.monotonic() - begin
    examples = [row.example for row in test]
    encodings = kind.encode(question, examples, tokenizer, LENGTH)
    logits = batches.forward(finished.module, encodings, pad_token(tokenizer))
    found = kind.decode(question, examples, encodings, logits, problem.id2label, outcome.calibration)
    scores = [kind.score(question, row.example, row.answer, one) for row, one in zip(test, found, strict=True)]
    epochs = finished.settings.get("epochs")
    return {
        "score": kind.headline(scores),
        "measured": outcome.trial.score,
        "epochs": epochs,
        "seconds": round(seconds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--set", default="snips")
    parser.add_argument("--labels", type=int, default=128)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--times", type=float, nargs="+", default=[5, 10, 20])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    question, pool, held_out = texts.apart(arguments.data, arguments.set)
    tried = {"frozen": FrozenRegression, "whole": FromBase, **{f"adapters ×{t:g}": at(t) for t in arguments.times}}
    runs: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        chosen = [pool[index] for index in np.random.default_rng(seed).permutation(len(pool))[: arguments.labels]]
        for name, strategy in tried.items():
            found = run(strategy, chosen, held_out, question, seed)
            runs.append({"what": name, "labels": arguments.labels, "seed": seed, **found})
            print(json.dumps(runs[-1], ensure_ascii=False), flush=True)
            save(f"adapters_{arguments.set}", {"machine": machine(), "runs": runs})


if __name__ == "__main__":
    main()

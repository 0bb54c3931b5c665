"""A small base model alone and taught by a larger one, and that: `python -m benchmarks.distilling --teacher FOLDER`.

Random labels of a set's training part and other texts of it without a label; accuracy on texts of its test part, and
how long a text takes, as a job under LABELWHEEL_SERVE_MAX_MS times it. Both models alone are tuned by contrast on all
labels. What a round makes of it, out of fold, is not looked at: so the larger model's answers have no temperature but
their own, and none of them is about a labelled text.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import texts
from benchmarks.common import machine, save
from labelwheel.training import batches, encoders, latency
from labelwheel.training.base_model import Base
from labelwheel.training.kinds import kind_of
from labelwheel.training.progress import Listener, Progress
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Serving
from labelwheel.training.strategies import distilled
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.distilled import Distilled
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.lessons import Taught
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem

LENGTH, TESTED = 128, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teacher", required=True, help="the larger base model; a folder or a hub name")
    parser.add_argument("--student", help="the small one; the embedded MiniLM if not given")
    parser.add_argument("--data", help="the folder with the sets; or set LABELWHEEL_DATA")
    parser.add_argument("--sets", nargs="+", default=["trec6", "sst2"])
    parser.add_argument("--labels", type=int, default=128)
    parser.add_argument("--texts", type=int, default=1000, help="how many without a label")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--name", default="distilling", help="what the figures are kept under")
    arguments = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in arguments.sets:
        question, pool, tests = texts.apart(arguments.data, name)
        tests = [tests[place] for place in np.random.default_rng(0).permutation(len(tests))[:TESTED]]
        large, small = (Base.load(one, question, LENGTH, "cpu") for one in (arguments.teacher, arguments.student))
        rows = large.read([row.example for row in pool[: arguments.texts]])
        other = small.read([row.example for row in pool[: arguments.texts]])
        wish = Serving(max_ms=1e-3)
        took = {
            "teacher": latency.measure(large.module, large.tokenizer, rows, wish, True),
            "student": latency.measure(small.module, small.tokenizer, other, wish, True),
        }
        print({key: str(value) for key, value in took.items()}, file=sys.stderr)
        for seed in arguments.seeds:
            order = np.random.default_rng(seed).permutation(len(pool))[: arguments.labels + arguments.texts]
            drawn = [pool[place] for place in order]
            found = run(question, large, small, drawn[: arguments.labels], drawn[arguments.labels :], tests)
            times = {f"{key}_ms": round(value.long, 2) for key, value in took.items()}
            runs.append({"set": name, "seed": seed, "labels": arguments.labels, **found, **times})
            print(json.dumps(runs[-1]), file=sys.stderr)
            save(arguments.name, {"machine": machine(), "teacher": large.name, "student": small.name, "runs": runs})
    show(runs)


def run(
    question: Question,
    large: Base,
    small: Base,
    labelled: Sequence[LabelledExample],
    loose: Sequence[LabelledExample],
    tests: Sequence[LabelledExample],
) -> dict[str, Any]:
    """Accuracies, and the CPU seconds of each training."""
    found: dict[str, Any] = {}
    begin = time.process_time()
    module = contrast(materials(question, large, labelled))
    found["teacher"] = accuracy(large, module, tests)
    said = np.stack(answers(large, module, loose))
    found["teacher_seconds"] = round(time.process_time() - begin, 1)
    begin = time.process_time()
    given = materials(question, small, labelled)
    found["student"] = accuracy(small, contrast(given), tests)
    found["student_seconds"] = round(time.process_time() - begin, 1)
    begin = time.process_time()
    taught = Taught(large.name, Contrastive.name, None, [row.example for row in loose], said, {}, ())
    strategy = Distilled(replace(given, taught=taught))
    assert strategy.applies()
    course = strategy.start()
    found["distilled"] = accuracy(small, course.final(distilled.EPOCHS), tests)
    found["distilled_seconds"] = round(time.process_time() - begin, 1)
    return found


def materials(question: Question, base: Base, labelled: Sequence[LabelledExample]) -> Materials:
    kind = kind_of(question)
    problem = Problem.build(question, kind, labelled, base.tokenizer, base.max_length)
    frozen = Frozen.build(problem, base.module, base.tokenizer, base.max_length, encoders.features)
    budget = Budget(time.monotonic() + 36_000)
    return Materials(
        problem, base.module, base.tokenizer, frozen, None, base.max_length, 13, budget, Progress(Listener()), base.name
    )


def contrast(given: Materials) -> Any:
    """Tuned on all labels."""
    strategy = Contrastive(given)
    assert strategy.applies()
    strategy.time_steps()
    return strategy.finish().module


def answers(base: Base, module: Any, rows: Sequence[LabelledExample]) -> list[np.ndarray]:
    read = base.read([row.example for row in rows])
    return batches.forward(module, read, int(base.tokenizer.pad_token_id))


def accuracy(base: Base, module: Any, tests: Sequence[LabelledExample]) -> float:
    places = base.module.config.id2label
    said = [places[int(one.argmax())] for one in answers(base, module, tests)]
    return round(float(np.mean([one == row.answer for one, row in zip(said, tests, strict=True)])), 4)


def show(runs: Sequence[dict[str, Any]]) -> None:
    ways = ("student", "distilled", "teacher")
    table = Table("set", "seeds", *ways, "distilled - student, least", "student ms", "teacher ms")
    for name in sorted({run["set"] for run in runs}):
        there = [run for run in runs if run["set"] == name]
        means = [f"{statistics.mean(run[way] for run in there):.3f}" for way in ways]
        least = min(run["distilled"] - run["student"] for run in there)
        times = [f"{there[0][f'{way}_ms']:.1f}" for way in ("student", "teacher")]
        table.add_row(name, str(len(there)), *means, f"{least:+.3f}", *times)
    Console().print(table)


if __name__ == "__main__":
    main()

"""A training by one process and by several of this machine: `python -m benchmarks.processes --processes 2`.

Seconds of a step of the embedded MiniLM, one thread each, gradients included, alone, split (DDP) and in shards (FSDP2).
It tells what the exchange costs here. Cores of one machine share its memory and its caches: it proves nothing of nodes,
and nothing of GPUs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.common import machine, save
from labelwheel.training.ranks import crew, place
from labelwheel.training.spec import Part

REPEATS, ROWS, LENGTH = 3, 128, 128


def measured(repeats: int) -> dict[str, Any]:
    """By the first process; the others follow."""
    from labelwheel.training import encoders
    from labelwheel.training.kinds import kind_of
    from labelwheel.training.model import pad_token
    from labelwheel.training.strategies import finetuning_loop
    from labelwheel.training.strategies.finetuning import copier
    from labelwheel.training.strategies.finetuning_loop import Settings
    from labelwheel.training.strategies.problem import Problem
    from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts

    kind = kind_of(TOPIC)
    rows = [
        row.model_copy(update={"example": row.example.model_copy(update={"fields": longer(row.example.fields)})})
        for row in labelled_texts(ROWS, Part.TRAIN)
    ]
    base, tokenizer = encoders.load(None, kind.config(TOPIC), kind.auto_class)
    problem = Problem.build(TOPIC, kind, rows, tokenizer, LENGTH)
    settings = Settings(epochs=1)
    steps = -(-ROWS // settings.batch_size)
    weighed = crew.weigh("the benchmark", base, 1.0, steps, lambda count: 1.0 / count)
    taken: dict[str, list[float]] = {"alone": [], "split": [], "sharded": []}
    for _ in range(repeats):
        for how, seconds in taken.items():
            model, ends = copier(base, "cpu")(), [0.0, 0.0]

            def told(share: float, ends: list[float] = ends) -> None:  # the first step has the start in it
                ends[:] = [ends[0] or time.monotonic(), time.monotonic()]

            finetuning_loop.train(
                model, problem, range(ROWS), pad_token(tokenizer), settings, feature_norm=1.0, progress=told,
                split=how != "alone", sharded=how == "sharded",
            )  # fmt: skip
            seconds.append((ends[1] - ends[0]) / (steps - 1))
    return {
        "machine": machine(), "texts": ROWS, "tokens": sum(len(each.input_ids) for each in problem.encodings),
        "batch": settings.batch_size, "said": weighed.sentence,
        **{f"{how}: seconds a step": round(statistics.median(seconds), 4) for how, seconds in taken.items()},
        "all": {how: [round(each, 4) for each in seconds] for how, seconds in taken.items()},
    }  # fmt: skip


def longer(fields: Any) -> dict[str, str]:
    """Some sixty tokens of each text."""
    return {name: " ".join([text] * 8) for name, text in fields.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    given = parser.parse_args()
    found = place.take()
    if found is None:
        program = str(Path(sys.executable).with_name("torchrun"))
        command = [program, "--standalone", f"--nproc-per-node={given.processes}", "-m", "benchmarks.processes"]
        environment = {**os.environ, place.SPLIT: "always", "OMP_NUM_THREADS": "1"}
        options = [f"--processes={given.processes}", f"--repeats={given.repeats}"]
        sys.exit(subprocess.run([*command, *options], env=environment).returncode)
    if found.number:
        from labelwheel.training.ranks import follower

        follower.follow(found)
    with crew.led(found):
        record = {"processes": found.total, **measured(given.repeats)}
    for name, value in record.items():
        if name.endswith("a step"):
            sys.stdout.write(f"{name:28} {value:.3f}\n")
    sys.stdout.write(f"{save('processes', record)}\n")


if __name__ == "__main__":
    main()

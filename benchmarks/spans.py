"""Spans: strict micro F1 on texts that were not learnt from, by jobs as rounds run them.

    python -m benchmarks.spans --data FOLDER [--sets snips demo] [--labels 100 300 700] [--seeds 0] [--threads 1]
        [--minutes 30] [--tests 700] [--keep FOLDER] [--out spans]

FOLDER holds a folder for each set with `train.jsonl` and `test.jsonl`; `demo` is this repository's own messages, tested
on those that are not drawn. Each figure is one run of `labelwheel.training.job` on that many texts, drawn by the seed
and split as in production (a fifth is held out and not learnt from), whose checkpoint then answers the test texts.
Beside it stand the score without the spans that are hidden as too unsure (`shown`), the score that the job itself
reported, what it chose, the time it took, and how many of the suggested spans cut a word or a number. With --keep the
jobs' folders stay, and what is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import data_folder, jsonl, machine, save
from demo import messages
from labelwheel.training.checkpoints.checkpoint import read
from labelwheel.training.evaluation import intervals, metrics
from labelwheel.training.evaluation.families import split
from labelwheel.training.kinds.spans import Spans
from labelwheel.training.launchers.base import Phase, Task
from labelwheel.training.launchers.local import LocalLauncher
from labelwheel.training.model import Model
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question
from labelwheel.training.spec import JobSpec, LabelledExample

SPANS = Spans()
DEMO = "demo"
HIDE_BELOW = SPANS.shown_from()
Row = dict[str, Any]
WITHIN = re.compile(r"(?<=[^\W_])(?=[^\W_])|(?<=\d)(?=[.,:/]\d)|(?<=\d[.,:/])(?=\d)|(?<=[$£€])(?=\d)")
"""Where an edge cuts a word, a number, or its sign off; said anew here, so as not to measure by the rule measured."""


def question_for(rows: list[Row]) -> Question:
    """All slots of the set, as a project's label config would name them."""
    slots = sorted({span["label"] for row in rows for span in row["spans"]})
    options = tuple(Option(value=slot) for slot in slots)
    return Question(name="slots", kind=Kind.SPANS, inputs=("text",), options=options)


def drawn(data: str | None, name: str, count: int, seed: int, tests: int) -> tuple[Question, list[Row], list[Row]]:
    """The question of a set, `count` texts to learn from and at most so many to test on."""
    if name == DEMO:
        rows = random.Random(seed).sample(messages.rows(), len(messages.rows()))
        return question_for(rows), rows[:count], rows[count:][:tests]
    folder = data_folder(data, name)
    rows, test = jsonl(folder / "train.jsonl"), jsonl(folder / "test.jsonl")
    return question_for(rows), random.Random(seed).sample(rows, count), test[:tests]


def described(question: Question, rows: list[Row], folder: Path, threads: int, minutes: float) -> JobSpec:
    """A job on the rows, whose data lies in the folder, and whose checkpoint will be in `folder`/checkpoint."""
    placed = split([row["text"] for row in rows], salt="benchmark")
    with (folder / "labels.jsonl").open("w", encoding="utf-8") as file:
        for number, (row, (group, part)) in enumerate(zip(rows, placed, strict=True)):
            example = Example(key=str(number), fields={"text": row["text"]})
            labelled = LabelledExample(example=example, answer=row["spans"], part=part, group=group)
            file.write(labelled.model_dump_json() + "\n")
    return JobSpec(
        version="checkpoint",
        question=question,
        data=str(folder / "labels.jsonl"),
        output=str(folder / "checkpoint"),
        max_minutes=minutes,
        threads=threads,
        artefact=False,  # torch measures
    )


def train(question: Question, rows: list[Row], folder: Path, threads: int, minutes: float) -> float:
    """Runs one job on the rows; the checkpoint is in `folder`/checkpoint. Returns seconds."""
    spec = described(question, rows, folder, threads, minutes)
    launcher = LocalLauncher(str(folder), threads=threads)
    began = time.monotonic()
    handle = launcher.submit([Task("job", spec)])
    try:
        while (state := launcher.poll(handle)).phase is Phase.RUNNING:
            time.sleep(0.2)
    except KeyboardInterrupt:
        launcher.cancel(handle)
        raise
    if state.phase is Phase.FAILED:
        sys.exit(f"the job failed ({state.code}):\n{launcher.logs(handle, 'job')[-2000:]}")
    return time.monotonic() - began


def measure(folder: Path, question: Question, rows: list[Row], threads: int, hide_below: float) -> dict[str, Any]:
    """The checkpoint's answers on the test texts, all of them and those that are shown, with what they cost."""
    model = Model.load(folder / "checkpoint", threads=threads)
    examples = [Example(key=str(number), fields={"text": row["text"]}) for number, row in enumerate(rows)]
    golds = [row["spans"] for row in rows]
    began = time.monotonic()
    predictions = model.predict(question, examples)
    seconds = time.monotonic() - began
    scores = [
        SPANS.score(question, example, gold, prediction)
        for example, gold, prediction in zip(examples, golds, predictions, strict=True)
    ]
    interval = intervals.headline(SPANS, scores, [example.key for example in examples], seed=1)
    return {
        "interval": interval.model_dump(),
        "metrics": metrics.summary(question, golds, predictions),
        "shown": metrics.summary(question, golds, [SPANS.shown(one, hide_below) for one in predictions]),
        "texts": len(rows),
        "suggested": sum(len(prediction.answer or ()) for prediction in predictions),
        "cut": sum(cut(row["text"], prediction) for row, prediction in zip(rows, predictions, strict=True)),
        "gold_cut": sum(cut(row["text"], Prediction(answer=row["spans"])) for row in rows),
        "milliseconds_per_text": round(1000 * seconds / len(rows), 2),
        "unreachable": SPANS.unreachable(question, examples, golds, model.tokenizer, model.manifest.max_length),
    }


def cut(text: str, prediction: Prediction) -> int:
    """How many spans have an edge inside of a word or number."""
    within = {match.start() for match in WITHIN.finditer(text)}
    return sum(span["start"] in within or span["end"] in within for span in prediction.answer or ())


@contextmanager
def place(keep: Path | None, name: str) -> Iterator[Path]:
    """A folder for one job: one that stays, or one that goes."""
    if keep is not None:
        (keep / name).mkdir(parents=True, exist_ok=True)
        yield keep / name
        return
    with tempfile.TemporaryDirectory(prefix="labelwheel-spans-") as scratch:
        yield Path(scratch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder that holds snips/ (or set LABELWHEEL_DATA)")
    parser.add_argument("--sets", nargs="+", default=["snips"])
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 300, 700])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0, help="what each job may take")
    parser.add_argument("--tests", type=int, default=700, help="at most so many test texts")
    parser.add_argument("--hide-below", type=float, default=HIDE_BELOW, help="spans with a lower score are not shown")
    parser.add_argument("--keep", type=Path, help="where the jobs' folders stay")
    parser.add_argument("--out", default="spans", help="the name of the file of raw numbers")
    arguments = parser.parse_args()
    console = Console()
    columns = ("set", "labels", "seed", "strict F1", "95 % interval", "shown", "suggested", "cut", "reported")
    table = Table(*columns, "seconds", "chosen")
    runs = []
    asked = [(name, count, seed) for name in arguments.sets for count in arguments.labels for seed in arguments.seeds]
    for name, count, seed in asked:
        question, rows, test = drawn(arguments.data, name, count, seed, arguments.tests)
        job = f"{name}-{count}-{seed}"
        with place(arguments.keep, job) as folder, console.status(job):
            there = (folder / "checkpoint").is_dir()
            seconds = None if there else round(train(question, rows, folder, arguments.threads, arguments.minutes), 1)
            report = read(folder / "checkpoint").report
            found = measure(folder, question, test, arguments.threads, arguments.hide_below)
        interval, reported = found["interval"], report["headline"]
        runs.append(
            {
                "set": name,
                "labels": count,
                "seed": seed,
                "seconds": seconds,
                "reported": reported,
                "chosen": report["chosen"],
                "reason": report["reason"],
                "trials": report["trials"],
                "settings": report["settings"],
                **found,
            }
        )
        table.add_row(
            name, str(count), str(seed), f"{interval['value']:.3f}", f"{interval['low']:.3f} to {interval['high']:.3f}",
            f"{found['shown']['span_f1']:.3f}", str(found["suggested"]), str(found["cut"]),
            f"{reported['value']:.3f}", str(seconds), report["chosen"],
        )  # fmt: skip
        # after each run, for the next one takes minutes
        record = {
            "threads": arguments.threads,
            "hide_below": arguments.hide_below,
            "minutes": arguments.minutes,
            "machine": machine(),
            "runs": runs,
        }
        file = save(arguments.out, json.loads(json.dumps(record)))
    console.print(table)
    console.print(f"raw numbers: {file}")


if __name__ == "__main__":
    main()

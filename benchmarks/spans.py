"""Spans: strict micro F1 on the 700 SNIPS test texts after 100, 300 and 700 training texts, by jobs as rounds run them.

    python -m benchmarks.spans --data FOLDER [--labels 100 300 700] [--seeds 0] [--threads 1] [--minutes 30]

FOLDER holds `snips/train.jsonl` and `snips/test.jsonl`. Each figure is one run of `python -m training.job` on that many
texts, drawn by the seed and split as in production (a fifth is held out and not learnt from), whose checkpoint then
answers the test texts. Beside it stand the score that the job itself reported, what it chose, and the time it took.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import data_folder, jsonl, machine, save
from training.checkpoint import read
from training.evaluation import intervals, metrics
from training.evaluation.splits import split
from training.launchers.base import Phase
from training.launchers.local import LocalLauncher
from training.learners.spans import Spans
from training.model import Model
from training.questions import Example, Kind, Option, Question
from training.spec import JobSpec, LabelledExample

LEARNER = Spans()


def question_for(rows: list[dict[str, Any]]) -> Question:
    """All slots of the set, as a project's label config would name them."""
    slots = sorted({span["label"] for row in rows for span in row["spans"]})
    options = tuple(Option(value=slot) for slot in slots)
    return Question(name="slots", kind=Kind.SPANS, inputs=("text",), options=options)


def train(question: Question, rows: list[dict[str, Any]], folder: Path, threads: int, minutes: float) -> float:
    """Runs one job on the rows; the checkpoint is in `folder`/checkpoint. Returns seconds."""
    placed = split([row["text"] for row in rows], salt="benchmark")
    with (folder / "labels.jsonl").open("w", encoding="utf-8") as file:
        for number, (row, (group, part)) in enumerate(zip(rows, placed, strict=True)):
            example = Example(key=str(number), fields={"text": row["text"]})
            labelled = LabelledExample(example=example, answer=row["spans"], part=part, group=group)
            file.write(labelled.model_dump_json() + "\n")
    spec = JobSpec(
        version="checkpoint",
        question=question,
        data=str(folder / "labels.jsonl"),
        output=str(folder / "checkpoint"),
        max_minutes=minutes,
        threads=threads,
    )
    (folder / "spec.json").write_text(spec.model_dump_json(), encoding="utf-8")
    launcher = LocalLauncher(threads=threads)
    began = time.monotonic()
    handle = launcher.submit(folder / "spec.json", None, None, folder / "job.log")
    try:
        while (state := launcher.poll(handle)).phase is Phase.RUNNING:
            time.sleep(0.2)
    except KeyboardInterrupt:
        launcher.cancel(handle)
        raise
    if state.phase is Phase.FAILED:
        sys.exit(f"the job failed ({state.code}):\n{(folder / 'job.log').read_text(encoding='utf-8')[-2000:]}")
    return time.monotonic() - began


def measure(folder: Path, question: Question, rows: list[dict[str, Any]], threads: int) -> dict[str, Any]:
    """The checkpoint's answers on the test texts, with what they cost."""
    model = Model.load(folder / "checkpoint", threads=threads)
    examples = [Example(key=str(number), fields={"text": row["text"]}) for number, row in enumerate(rows)]
    golds = [row["spans"] for row in rows]
    began = time.monotonic()
    predictions = model.predict(question, examples)
    seconds = time.monotonic() - began
    scores = [
        LEARNER.score(question, example, gold, prediction)
        for example, gold, prediction in zip(examples, golds, predictions, strict=True)
    ]
    interval = intervals.headline(LEARNER, scores, [example.key for example in examples], seed=1)
    return {
        "interval": interval.model_dump(),
        "metrics": metrics.summary(question, golds, predictions),
        "milliseconds_per_text": round(1000 * seconds / len(rows), 2),
        "unreachable": LEARNER.unreachable(question, examples, golds, model.tokenizer, model.manifest.max_length),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the folder that holds snips/ (or set LABELWHEEL_DATA)")
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 300, 700])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30.0, help="what each job may take")
    arguments = parser.parse_args()
    folder = data_folder(arguments.data, "snips")
    rows, test = jsonl(folder / "train.jsonl"), jsonl(folder / "test.jsonl")
    question = question_for(rows)
    console = Console()
    table = Table("labels", "seed", "strict F1", "95 % interval", "overlap", "reported", "seconds", "chosen")
    runs = []
    for count in arguments.labels:
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory(prefix="labelwheel-spans-") as scratch, console.status(f"{count} labels"):
                place = Path(scratch)
                chosen = random.Random(seed).sample(rows, count)
                seconds = train(question, chosen, place, arguments.threads, arguments.minutes)
                report = read(place / "checkpoint").report
                found = measure(place, question, test, arguments.threads)
            interval, reported = found["interval"], report["headline"]
            runs.append(
                {
                    "labels": count,
                    "seed": seed,
                    "seconds": round(seconds, 1),
                    "reported": reported,
                    "chosen": report["chosen"],
                    "reason": report["reason"],
                    "trials": report["trials"],
                    "settings": report["settings"],
                    **found,
                }
            )
            table.add_row(
                str(count), str(seed), f"{interval['value']:.3f}", f"{interval['low']:.3f} to {interval['high']:.3f}",
                f"{found['metrics']['overlap_f1']:.3f}", f"{reported['value']:.3f}", f"{seconds:.0f}", report["chosen"],
            )  # fmt: skip
            # after each run, for the next one takes minutes
            record = {"threads": arguments.threads, "minutes": arguments.minutes, "machine": machine(), "runs": runs}
            file = save("spans", json.loads(json.dumps(record)))
    console.print(table)
    console.print(f"raw numbers: {file}")


if __name__ == "__main__":
    main()

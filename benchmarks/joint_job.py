"""Six questions of one project in one job, against a job for each: `python -m benchmarks.joint_job [--labels 60]`.

The questions are asked of this repository's own messages: the topic, the mentions, which kinds of them there are, how
many, and whether there is an amount or a date. Both sides run `labelwheel.training.job` as rounds do, one after the
other, with the same seed; seconds are of the wall and of the CPU, the latter being what another load leaves alone.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.common import machine, save
from demo import messages
from labelwheel.training.evaluation.families import split
from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import JobSpec, LabelledExample

CLASSES = sorted({span["label"] for row in messages.rows() for span in row["spans"]})
TOPICS = sorted({row["topic"] for row in messages.rows()})
MOST = 5


def questions() -> dict[Question, Any]:
    """Each question, with what answers it from a message."""

    def asked(name: str, kind: Kind, values: Sequence[str] = (), **more: Any) -> Question:
        options = tuple(Option(value=value) for value in values)
        return Question(name=name, kind=kind, inputs=("text",), options=options, **more)

    def found(row: dict[str, Any]) -> list[str]:
        return sorted({span["label"] for span in row["spans"]}, key=CLASSES.index)

    return {
        asked("topic", Kind.CHOICE, TOPICS): lambda row: row["topic"],
        asked("mentions", Kind.SPANS, CLASSES): lambda row: row["spans"],
        asked("kinds", Kind.CHOICES, CLASSES): found,
        asked("many", Kind.RATING, minimum=0, maximum=MOST): lambda row: min(len(row["spans"]), MOST),
        asked("amount", Kind.CHOICE, ("yes", "no")): lambda row: "yes" if "Amount" in found(row) else "no",
        asked("date", Kind.CHOICE, ("yes", "no")): lambda row: "yes" if "Date" in found(row) else "no",
    }


def specify(folder: Path, rows: Sequence[dict[str, Any]], threads: int) -> list[Path]:
    """The specification of each question, in a folder of its own."""
    placed = split([row["text"] for row in rows], salt="benchmark")
    paths = []
    for question, answer in questions().items():
        own = folder / question.name
        own.mkdir(parents=True)
        with (own / "labels.jsonl").open("w", encoding="utf-8") as file:
            for number, (row, (group, part)) in enumerate(zip(rows, placed, strict=True)):
                example = Example(key=str(number), fields={"text": row["text"]})
                labelled = LabelledExample(example=example, answer=answer(row), part=part, group=group)
                file.write(labelled.model_dump_json() + "\n")
        spec = JobSpec(
            version=question.name, question=question, data=str(own / "labels.jsonl"), output=str(own / question.name),
            threads=threads,
        )  # fmt: skip
        paths.append(own / "spec.json")
        paths[-1].write_text(spec.model_dump_json(), encoding="utf-8")
    return paths


def run(paths: Sequence[Path]) -> tuple[float, float]:
    """One job; its seconds of wall and of CPU."""
    before, began = os.times(), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "labelwheel.training.job", *map(str, paths)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"a job failed ({done.returncode}):\n{done.stderr[-2000:]}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, cpu


def main() -> None:
    """Measures both ways and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    rows = random.Random(arguments.seed).sample(messages.rows(), arguments.labels)
    with tempfile.TemporaryDirectory() as scratch:
        alone = {path.parent.name: run([path]) for path in specify(Path(scratch) / "alone", rows, arguments.threads)}
        together = run(specify(Path(scratch) / "together", rows, arguments.threads))
    table = Table("job", "seconds", "CPU seconds", title=f"six questions, {arguments.labels} labels each")
    for name, (wall, cpu) in alone.items():
        table.add_row(name, f"{wall:.1f}", f"{cpu:.1f}")
    wall, cpu = (sum(each[place] for each in alone.values()) for place in (0, 1))
    table.add_row("one job each", f"{wall:.1f}", f"{cpu:.1f}")
    table.add_row("one job for all", *(f"{each:.1f}" for each in together))
    table.add_row("share", f"{together[0] / wall:.2f}", f"{together[1] / cpu:.2f}")
    Console().print(table)
    record = {"machine": machine(), **vars(arguments), "alone": alone, "together": together}
    Console().print(f"kept in {save('joint_job', record)}")


if __name__ == "__main__":
    main()

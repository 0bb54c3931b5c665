"""What an inspection costs and finds: `python -m benchmarks.inspection --data FOLDER`.

A job learns from some labels of a public set without fine-tuning, and its checkpoint is inspected on a thousand
held-out texts with the embedded MiniLM through torch, in one process, as the worker starts it. A made-up column of
groups by length stands in for people's, so that the section of groups has something to do.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks import texts
from benchmarks.common import machine, save
from labelwheel.training.inspection import files
from labelwheel.training.inspection.spec import InspectionSpec
from labelwheel.training.questions import Frozen, Question
from labelwheel.training.spec import JobSpec, LabelledExample, Part

LISTS = ("label_errors", "voices")


def main() -> None:
    """Runs the sets, prints a line for each section, and keeps the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--sets", nargs="+", default=["sst2", "trec6"])
    parser.add_argument("--labels", type=int, default=256)
    parser.add_argument("--held-out", type=int, default=1000)
    asked = parser.parse_args()
    record: dict[str, Any] = {"machine": machine(), "labels": asked.labels, "held_out": asked.held_out}
    for name in asked.sets:
        with tempfile.TemporaryDirectory() as folder:
            found = record[name] = _measured(asked, name, Path(folder))
        for section, part in found["sections"].items():
            print(f"{name} {section}: {part.get('seconds', part.get('problem'))}", flush=True)
        print(f"{name}: {found['seconds']:.0f} s, {found['cpu_seconds']:.0f} s of CPU, {found['peak_mb']:.0f} MB")
        print(f"raw numbers in {save('inspection', record)}", flush=True)


def _measured(asked: argparse.Namespace, name: str, folder: Path) -> dict[str, Any]:
    given = [*texts.read(asked.data, name, "train"), *texts.read(asked.data, name, "test")]
    random.Random(13).shuffle(given)
    question = texts.question(given)
    end = asked.labels + asked.held_out
    parts = ((Part.TRAIN, given[: asked.labels]), (Part.HELD_OUT, given[asked.labels : end]))
    rows = [_grouped(row) for part, some in parts for row in texts.labelled(some, part)]
    job = learnt(question, rows, folder)
    inspection = InspectionSpec(
        version="v1", question=question, checkpoint=job.output, data=job.data, output=str(folder / "found"),
        groups=("length",),
    )  # fmt: skip
    begun = time.monotonic()
    spent, peak = _run("labelwheel.training.inspection", inspection, folder / "inspection.json")
    seconds = time.monotonic() - begun
    report = json.loads((folder / "v1" / "report.json").read_bytes())
    parts_found = sorted(files.done(folder / "found").items(), key=lambda item: item[1]["place"])
    return {
        "score": report["headline"]["value"],
        "seconds": seconds,
        "cpu_seconds": spent,
        "peak_mb": peak / 1e6,
        "sections": {
            # what is told of each example by itself is long, and no figure
            section: {k: part[k] for k in part if k not in ("place", "text", "found" if section in LISTS else "")}
            for section, part in parts_found
        },
    }


def learnt(question: Question, rows: Sequence[LabelledExample], folder: Path, fine_tuning: bool = False) -> JobSpec:
    """A job in a process of its own that has learnt from the rows; its checkpoint is in the folder."""
    data = folder / "data.jsonl"
    data.write_text("".join(row.model_dump_json() + "\n" for row in rows), "utf-8")
    job = JobSpec(
        version="v1", question=question, data=str(data), output=str(folder / "v1"), device="cpu", artefact=False,
        fine_tuning=fine_tuning,
    )  # fmt: skip
    _run("labelwheel.training.job", job, folder / "job.json")
    return job


def _grouped(row: LabelledExample) -> LabelledExample:
    long = len(row.example.fields["text"]) > 60
    return row.model_copy(update={"slices": {"length": "long" if long else "short"}})


def _run(module: str, spec: Frozen, path: Path) -> tuple[float, int]:
    """Seconds of CPU, and the most memory that was seen, of a process that runs it."""
    path.write_text(spec.model_dump_json(), "utf-8")
    child = subprocess.Popen([sys.executable, "-m", module, str(path)], stderr=subprocess.PIPE, text=True)
    process, cpu, peak = psutil.Process(child.pid), 0.0, 0
    while True:
        try:
            _, log = child.communicate(timeout=1)
            break
        except subprocess.TimeoutExpired:
            times = process.cpu_times()
            cpu, peak = times.user + times.system, max(peak, process.memory_info().rss)
    if child.returncode:
        sys.exit(log)
    return cpu, peak


if __name__ == "__main__":
    main()

"""What another seed changes, as inspections say it: `python -m benchmarks.seeds --data FOLDER`.

A job learns from some labels of a public set, and the strategy that it chose is fitted again on them, see
`training.evaluation.refits`; with `--fine-tuning` strategies that train the encoder may be chosen.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import texts
from benchmarks.common import machine, save
from benchmarks.inspection import learnt
from labelwheel.training.evaluation import refits
from labelwheel.training.inspection import process
from labelwheel.training.inspection.spec import InspectionSpec
from labelwheel.training.spec import LabelledExample, Part

CASES = ("trec6:20", "snips:64", "sst2:256", "trec6:256")


def main() -> None:
    """Runs the cases, prints what people read of each, and keeps the raw numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--cases", nargs="+", default=CASES, metavar="SET:LABELS")
    parser.add_argument("--held-out", type=int, default=500)
    parser.add_argument("--fine-tuning", action="store_true")
    parser.add_argument("--name", default="seeds", help="what the figures are kept under")
    asked = parser.parse_args()
    record: dict[str, Any] = {"machine": machine(), "held_out": asked.held_out}
    for case in asked.cases:
        name, _, labels = case.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            found = record[case] = _measured(asked, name, int(labels), Path(folder))
        print(f"{case}, {found['seconds']:.0f} s: {refits.render(found['found'])}", flush=True)
        print(f"raw numbers in {save(asked.name, record)}", flush=True)


def _measured(asked: argparse.Namespace, name: str, labels: int, folder: Path) -> dict[str, Any]:
    given = [*texts.read(asked.data, name, "train"), *texts.read(asked.data, name, "test")]
    random.Random(13).shuffle(given)
    parts = ((Part.TRAIN, given[:labels]), (Part.HELD_OUT, given[labels : labels + asked.held_out]))
    rows: list[LabelledExample] = [row for part, some in parts for row in texts.labelled(some, part)]
    job = learnt(texts.question(given), rows, folder, fine_tuning=asked.fine_tuning)
    spec = InspectionSpec(
        version="v1", question=job.question, checkpoint=job.output, data=job.data, output=str(folder / "found")
    )
    subject = process.subject(spec)
    subject.scores, subject.base  # noqa: B018  (other sections have asked for them by then)
    begun = time.monotonic()
    found = refits.look(subject)
    return {"seconds": time.monotonic() - begun, "found": found}


if __name__ == "__main__":
    main()

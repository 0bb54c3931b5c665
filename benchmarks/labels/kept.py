"""The figures as they are kept: a run a line, so that what was measured is not measured again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import machine


class Run(NamedTuple):
    """One way of learning on one set with one seed, after so many labels.

    `score` is the kind's metric on texts kept apart; `right` the share of them whose suggestion needed no change;
    `cpu_seconds` what learning took, of ours all from the first label on.
    """

    set: str
    seed: int
    labels: int
    method: str
    score: float
    right: float
    cpu_seconds: float


def read(file: Path) -> list[Run]:
    """What was kept; nothing where there is no file."""
    if not file.exists():
        return []
    return [Run(**run) for run in json.loads(file.read_text("utf-8"))["runs"]]


def write(file: Path, runs: Sequence[Run], **told: Any) -> None:
    """The runs, the machine, and what else is told about them."""
    file.parent.mkdir(exist_ok=True)
    head = json.dumps({"machine": machine(), **told}, indent=1, ensure_ascii=False)[:-2]
    lines = ",\n".join("  " + json.dumps(run._asdict()) for run in sorted(runs))
    scratch = file.with_suffix(".part")
    scratch.write_text(f'{head},\n "runs": [\n{lines}\n ]\n}}\n', encoding="utf-8")
    scratch.replace(file)

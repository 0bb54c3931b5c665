"""The report of a job on tiny models, for strategies that stand on models beside the base model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labelwheel.training import job
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.questions import Question
from labelwheel.training.spec import JobSpec, LabelledExample
from labelwheel.training.testing.small_model import small_model


def reported(folder: Path, rows: Sequence[LabelledExample], question: Question, **more: Any) -> dict[str, Any]:
    """What a job says whose spec has `more`; its checkpoint is `folder`/v1."""
    spec = JobSpec(
        version="v1", question=question, output=str(folder / "v1"), data="",
        base_model=str(small_model(folder / "base")), device="cpu", threads=1, artefact=False, **more,
    )  # fmt: skip
    job.execute(spec, rows)
    return dict(json.loads((folder / "v1" / checkpoint.REPORT).read_bytes()))

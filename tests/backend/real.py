"""Real checkpoints of the embedded MiniLM, made from label names alone: no labels, no training."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from labelwheel.training.questions import Kind, Option, Question
from labelwheel.training.spec import JobSpec, Recipe

TOPIC = Question(
    name="topic",
    kind=Kind.CHOICE,
    inputs=("text",),
    options=tuple(Option(value=value) for value in ("parcel lost", "refund wanted", "card blocked", "praise")),
)
VERSIONS = ("n1", "n2")


@functools.cache
def store() -> Path:
    """A folder with the checkpoints n1 and n2 of TOPIC, made once for the whole run of the tests; only read it."""
    folder = Path(tempfile.mkdtemp(prefix="labelwheel-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "data.jsonl").write_text("")
    for version in VERSIONS:
        spec = JobSpec(
            version=version, question=TOPIC, data=str(folder / "data.jsonl"), output=str(folder / version),
            recipe=Recipe.NAMES, device="cpu",
        )  # fmt: skip
        (folder / f"{version}.json").write_text(spec.model_dump_json())
    # one process for both: starting torch takes longer than the jobs
    code = "import sys; from labelwheel.training.job import main; sys.exit(sum(main([spec]) for spec in sys.argv[1:]))"
    specs = [str(folder / f"{version}.json") for version in VERSIONS]
    subprocess.run([sys.executable, "-c", code, *specs], check=True, timeout=300, capture_output=True)
    return folder

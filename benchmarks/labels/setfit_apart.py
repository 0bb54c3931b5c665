"""setfit itself, in its own virtual environment: 1.2.0 does not go together with our release of transformers.

The environment is made on demand and kept. Texts and answers go in as JSON, what it answers comes back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.labels.field import Field
from benchmarks.labels.learning import Learnt
from labelwheel.training import encoders
from labelwheel.training.questions import Prediction

ENVIRONMENT = Path(__file__).parents[2] / ".venv-setfit"
PACKAGES = ("setfit==1.2.0", "transformers<5")
_RUN = Path(__file__).parent / "setfit_run.py"


def setfit(field: Field, order: Sequence[int], counts: Sequence[int], seed: int) -> Iterator[Learnt]:
    """Its defaults: 20 pairs of like and 20 of unlike texts for each, batches of 16, one epoch at 2e-5.

    At most 500 steps, as its authors advise where there are many pairs; that is reached at 200 labels.
    """
    for count in counts:
        if count:
            yield _learnt(field, order[:count], seed)


def _learnt(field: Field, labelled: Sequence[int], seed: int) -> Learnt:
    said = [row.example.fields["text"] for row in field.stage.rows]
    asked = sorted(set(range(len(said))) - set(field.pool))  # what is measured
    given = {
        "model": encoders.locate(None), "several": not field.exclusive, "classes": field.classes,
        "seed": seed,
        "texts": [said[place] for place in labelled], "answers": field.gold[list(labelled)].tolist(),
        "asked": [said[place] for place in asked],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [_python(), "-P", _RUN], input=json.dumps(given), capture_output=True, text=True, check=False, cwd=scratch,
            env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"setfit failed: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    logits = dict(zip(asked, np.asarray(found["logits"]), strict=True))

    def answer(places: Sequence[int]) -> list[Prediction]:
        return field.decode(places, np.stack([logits[place] for place in places]))

    return Learnt(len(labelled), answer, found["cpu_seconds"])


def _python() -> str:
    """The environment's interpreter, installed where it is not there yet."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True, stdout=sys.stderr)
        (ENVIRONMENT / "done").touch()
    return str(python)

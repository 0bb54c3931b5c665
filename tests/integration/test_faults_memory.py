"""A job that runs out of memory: it fails with that reason, and nothing else notices.

Smaller batches before giving up, and CUDA's own errors, are tests of training; this is about the processes around it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.stage import ENOUGH, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]

MORE_THAN_ANY_MACHINE_HAS = 2**42


@pytest.fixture
def immense_encoder(small_encoder: Path, tmp_path: Path) -> Path:
    """A base model whose layers take petabytes, for a request for memory that no machine grants."""
    folder = Path(shutil.copytree(small_encoder, tmp_path / "immense"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"intermediate_size": MORE_THAN_ANY_MACHINE_HAS}))
    return folder


def test_a_job_without_enough_memory_fails_with_that_reason(
    studio: LabelStudioServer, quick: dict[str, str], immense_encoder: Path
) -> None:
    with LabelwheelServer(environment=quick) as wheel:
        stage = Stage(studio, wheel, tasks=ENOUGH + 10, labelled=ENOUGH)
        before = stage.state()["version"]["current"]

        wheel.stop()
        wheel.environment["LABELWHEEL_BASE_MODEL"] = str(immense_encoder)
        wheel.start()
        row = stage.ended(stage.order())
        assert row["state"] == "failed"
        assert "memory" in row["reason"].lower(), row["reason"]
        assert row["attempts"] == 1, "trying the same again would not have helped"
        stage.converged()
        assert stage.state()["version"]["current"] == before

        wheel.stop()
        wheel.environment["LABELWHEEL_BASE_MODEL"] = quick["LABELWHEEL_BASE_MODEL"]
        wheel.start()
        stage.promoted()

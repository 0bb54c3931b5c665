"""Checkpoints that are corrupt or gone when the service starts: the newest sound one answers, or the label names do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from testkit.stage import ENOUGH, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def stage(studio: LabelStudioServer, quick: dict[str, str]) -> Iterator[Stage]:
    with LabelwheelServer(environment=quick) as wheel:
        stage = Stage(studio, wheel, tasks=ENOUGH + 10, labelled=ENOUGH)
        yield stage


def champion(stage: Stage) -> dict[str, Any]:
    (question,) = stage.state()["questions"]
    return dict(question["champion"])


def folder(stage: Stage, version: str) -> Path:
    return Path(stage.wheel.home / "checkpoints" / version)


def flip(file: Path) -> None:
    """One bit, far inside."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def answers(stage: Stage, version: str) -> None:
    """Label Studio gets suggestions, and they are of that version."""
    (result,) = stage.predict(["Where is my parcel?"]).json()["results"]
    assert result["model_version"] == version
    assert result["result"][0]["value"]["choices"]


def check_fell_back(stage: Stage, broken: str, instead: str | None) -> None:
    """The log says which checkpoint is broken and what is served instead; nobody loads the broken one again."""
    stage.wheel.until(lambda: stage.state()["version"]["served"], PATIENCE, "nothing is served")
    stage.wheel.until(lambda: len(stage.decisions("fell back")) >= 1, PATIENCE, "nobody noticed")
    if instead:  # without any other checkpoint a round begins at once to learn the names anew
        stage.converged()
    last = stage.decisions("fell back")[-1]
    details = json.loads(last["details"])
    assert (details["broken"], details["version"]) == (broken, instead)
    assert broken in last["reason"]
    assert "cannot be loaded" in last["reason"]
    (row,) = truth.rows(stage.wheel, "SELECT broken FROM checkpoints WHERE version = ?", broken)
    assert row["broken"]


def test_the_only_checkpoint_is_corrupt(stage: Stage) -> None:
    only = champion(stage)["version"]
    assert champion(stage)["recipe"] == "names"
    stage.wheel.stop()
    flip(folder(stage, only) / "model.safetensors")
    stage.wheel.start()
    check_fell_back(stage, only, None)
    stage.wheel.until(lambda: champion_of(stage), PATIENCE, "the names were not learnt anew")
    stage.converged()
    assert champion(stage)["recipe"] == "names"
    assert champion(stage)["version"] != only
    answers(stage, stage.state()["version"]["current"])


def champion_of(stage: Stage) -> Any:
    (question,) = stage.state()["questions"]
    return question["champion"]


@pytest.mark.parametrize(
    "damage", ["flipped", "gone"]
)  # tests/training/checkpoints/test_checkpoint.py knows more of them
def test_the_champion_is_damaged(stage: Stage, damage: str) -> None:
    before = champion(stage)["version"]
    stage.promoted()
    broken = champion(stage)["version"]
    known = stage.state()["version"]["current"]
    stage.wheel.stop()
    if damage == "flipped":
        flip(folder(stage, broken) / "model.safetensors")
    else:
        shutil.rmtree(folder(stage, broken))
    stage.wheel.start()
    check_fell_back(stage, broken, before)
    assert champion(stage)["version"] == before
    assert stage.state()["version"]["current"] != known, "a version was used twice"
    answers(stage, stage.state()["version"]["current"])
    refused = stage.wheel.run("rollback", "--question", "topic", "--to", broken)
    assert refused.returncode != 0
    assert "broken" in refused.stdout + refused.stderr


def test_after_that_the_next_round_works(stage: Stage) -> None:
    stage.promoted()
    answers(stage, stage.state()["version"]["current"])

"""A checkpoint folder that somebody replaced, with hashes that fit: refused everywhere, like a broken one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from labelwheel.backend.app import create_app
from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.rounds import promotion, retention
from labelwheel.backend.settings import Settings
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.checkpoints.checkpoint import _sha256
from labelwheel.training.errors import InvalidCheckpoint
from tests.backend.fake_jobs import GOOD
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage
from tests.backend.world import World


def replace(folder: Path) -> None:
    """Other weights, and a manifest that says so."""
    (folder / "model.safetensors").write_text("somebody else's weights")
    manifest = json.loads((folder / "labelwheel.json").read_text())
    manifest["files"]["model.safetensors"] = _sha256(folder / "model.safetensors")
    (folder / "labelwheel.json").write_text(json.dumps(manifest))
    checkpoint.read(folder)  # by itself, it is whole


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood")
    stage.promote({"mood": "v1"})
    stage.promote({"mood": "v2"})
    yield stage
    stage.database.dispose()


class Alone:
    """The lease of a worker that nobody contends with."""

    def __init__(self, stage: Stage) -> None:
        self.database, self.transaction = stage.database, stage.database.transaction


def digests(stage: Stage) -> dict[str, str | None]:
    with stage.database.session() as session:
        return {row.version: row.manifest_digest for row in session.scalars(select(CheckpointRow))}


def test_hashes_of_earlier_checkpoints_are_noted_once(stage: Stage) -> None:
    (stage.settings.checkpoints.folder / "v1" / "labelwheel.json").unlink()
    assert digests(stage) == {"v1": None, "v2": None}
    assert retention.remember(Alone(stage), stage.settings) == 1  # type: ignore[arg-type]
    wanted = _sha256(stage.settings.checkpoints.folder / "v2" / "labelwheel.json")
    assert digests(stage) == {"v1": None, "v2": wanted}
    replace(stage.settings.checkpoints.folder / "v2")
    assert retention.remember(Alone(stage), stage.settings) == 0  # type: ignore[arg-type]
    assert digests(stage)["v2"] == wanted


def test_it_is_not_served_and_the_one_before_is(stage: Stage) -> None:
    retention.remember(Alone(stage), stage.settings)  # type: ignore[arg-type]
    replace(stage.settings.checkpoints.folder / "v2")
    service = create_app(stage.settings, FakeEngine(), start=False).extensions["labelwheel"]
    served_models, follower = service.served_models, service.follower
    while follower.step():
        pass
    (problem,) = served_models.problems.values()
    assert problem["checkpoint"] == "v2"
    assert "was replaced; roll back or train anew" in problem["message"]
    with stage.database.transaction() as tx:
        instead = promotion.fall_back(tx, stage.project, problem)
        assert instead is not None
        assert instead.version == "v1"
    while follower.step():
        pass
    assert served_models.served_by_id(stage.project).members["mood"].model.version == "v1"


def test_it_is_not_exported(stage: Stage) -> None:
    retention.remember(Alone(stage), stage.settings)  # type: ignore[arg-type]
    replace(stage.settings.checkpoints.folder / "v2")
    client = create_app(stage.settings, FakeEngine(), start=False).test_client()
    path = f"/api/v1/projects/{stage.project}/questions/mood"
    for name in ("export", "report"):
        answer = client.get(f"{path}/{name}")
        assert (answer.status_code, answer.json["error"]["type"]) == (500, "InvalidCheckpoint"), name


def test_a_promotion_notes_the_hash_and_no_job_trains_on_what_replaced_it(world: World) -> None:
    world.connect()
    world.until(lambda: world.project.state == "connected")
    (names,) = world.checkpoints
    folder = world.settings.checkpoints.folder / names.folder
    assert names.manifest_digest == _sha256(folder / "labelwheel.json")
    (folder / "model.safetensors").write_bytes(b"x" * 16)
    manifest = json.loads((folder / "labelwheel.json").read_text())
    manifest["files"]["model.safetensors"] = _sha256(folder / "model.safetensors")
    (folder / "labelwheel.json").write_text(json.dumps(manifest))
    world.launcher.automatic = GOOD
    jobs = len(world.launcher.jobs)
    world.order(trigger="labels")
    world.runner.step()
    assert world.rounds[-1].state == "failed"
    assert "was replaced" in (world.rounds[-1].reason or "")
    assert len(world.launcher.jobs) == jobs
    with world.database.session() as session:
        assert session.scalars(select(QuestionRow.champion_id).filter_by(name="topic")).one() == names.id


def test_a_digest_that_fits_changes_nothing(stage: Stage) -> None:
    folder = stage.settings.checkpoints.folder / "v1"
    found = checkpoint.read(folder)
    assert checkpoint.read(folder, digest=found.digest) == found
    with pytest.raises(InvalidCheckpoint, match="was replaced"):
        checkpoint.read(folder, verify=False, digest="0" * 64)

"""A zero-shot model through the whole loop, with real jobs: what people see before anybody has labelled anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.backend.processes import home_folder
from labelwheel.backend.rounds import launchers
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.spec import Part
from labelwheel.training.testing.labelled_texts import TOPIC, labelled_texts
from labelwheel.training.testing.small_model import small_model
from labelwheel.training.zero_shot.entry import ZeroShotEntry
from tests.backend.test_toy_kind import Web, wait
from tests.backend.world import World
from tests.training.zero_shot.inference import taught


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'test.db'}"


def test_it_suggests_before_the_first_label_what_a_random_encoder_could_not(world: World, tmp_path: Path) -> None:
    changes = {"base_model": str(small_model(tmp_path / "base")), "zero_shot": str(taught(tmp_path / "nli"))}
    world.settings = world.settings.model_copy(update=changes)
    home_folder.prepare(world.settings)
    world.launcher = launchers.load(world.settings)  # type: ignore[assignment]
    world.web = Web(world)
    world.start()
    world.tool.questions = (TOPIC,)
    rows = labelled_texts(24, Part.HELD_OUT, seed=5)
    keys = [world.tool.add(row.example.fields["text"])[0] for row in rows]
    world.connect()
    wait(world, lambda: world.rounds and world.rounds[0].ended_at)
    first = world.rounds[0]
    assert (first.state, first.recipe) == ("promoted", "names"), first.reason
    manifest = checkpoint.read(world.settings.checkpoints.place(first.version)).manifest
    assert isinstance(manifest.foreign, ZeroShotEntry)
    assert manifest.foreign.base == changes["zero_shot"]
    wait(world, lambda: all(key in world.tool.shown for key in keys))
    said = [world.tool.shown[key].predictions["topic"].answer for key in keys]
    world.web.service.stop()  # type: ignore[attr-defined]
    assert sum(one == row.answer for one, row in zip(said, rows, strict=True)) >= 20, said

"""A text model through the whole loop, with real jobs: named, tuned, promoted, and what it writes is suggested."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.backend.processes import home_folder
from labelwheel.backend.rounds import launchers
from labelwheel.training.checkpoints import checkpoint
from labelwheel.training.questions import Question
from labelwheel.training.spec import Part
from labelwheel.training.text_models.entry import TextModelEntry
from tests.backend.test_toy_kind import Web, wait
from tests.backend.world import World
from tests.training.text_models.language import taught, turned

REPLY = Question(name="reply", kind="text", inputs=("text",), maximum=1)


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'test.db'}"


def test_a_named_text_model_is_tuned_promoted_and_suggests_what_nobody_wrote(world: World, tmp_path: Path) -> None:
    named = taught(tmp_path / "text-model", causal=False)
    rows = [*turned(Part.TRAIN), *turned(Part.HELD_OUT)]
    known, left = rows[:30], rows[30:]
    changes = {"base_model": None, "first_round": len(known), "text_model": str(named), "artefact": False}
    world.settings = world.settings.model_copy(update=changes)
    home_folder.prepare(world.settings)
    world.launcher = launchers.load(world.settings)  # type: ignore[assignment]
    world.web = Web(world)
    world.start()
    world.tool.questions = (REPLY,)
    keys = {row.example.key: world.tool.add(row.example.fields["text"])[0] for row in rows}
    world.connect()
    for row in known:
        world.tool.submit(keys[row.example.key], {"reply": row.answer})
    wait(world, lambda: world.rounds and world.rounds[0].ended_at)
    assert world.rounds[0].state == "promoted", world.rounds[0].reason
    store = world.settings.checkpoints
    found = checkpoint.read(store.place(world.rounds[0].version)).manifest
    assert found.recipe == "text_model"
    assert isinstance(found.foreign, TextModelEntry)
    assert found.foreign.base == str(named)
    wait(world, lambda: all(keys[row.example.key] in world.tool.shown for row in left))
    said = [world.tool.shown[keys[row.example.key]].predictions["reply"].answer for row in left]
    world.web.service.stop()  # type: ignore[attr-defined]
    assert sum(one == row.answer for one, row in zip(said, left, strict=True)) >= 4, said

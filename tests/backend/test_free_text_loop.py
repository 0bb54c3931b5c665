"""Answers in people's own words through the whole loop: suggested, edited, learnt better; with real jobs.

Before it is better than no suggestion at all, nothing is suggested.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from labelwheel.backend.database.tables import Event, Label
from labelwheel.backend.processes import home_folder
from labelwheel.backend.rounds import launchers
from labelwheel.backend.views import status
from labelwheel.training.kinds.free_text import distance
from labelwheel.training.questions import Question
from testkit.letters import Letter, letters
from tests.backend.test_toy_kind import Web, wait
from tests.backend.world import World

REPLY = Question(name="reply", kind="text", inputs=("text",), maximum=1)


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def written(world: World) -> World:
    world.settings = world.settings.model_copy(update={"base_model": None})
    home_folder.prepare(world.settings)
    world.launcher = launchers.load(world.settings)  # type: ignore[assignment]
    world.web = Web(world)
    world.start()
    world.tool.questions = (REPLY,)
    return world


def ended(world: World, number: int) -> str:
    """How a round ended, once it has."""
    wait(world, lambda: len(world.rounds) >= number and world.rounds[number - 1].ended_at)
    return str(world.rounds[number - 1].state)


def test_a_text_is_suggested_edited_and_learnt_better(written: World) -> None:
    world, tool = written, written.tool
    few, more, left = letters(20, seed=1, kinds=4), letters(60, seed=2), letters(16, seed=3)
    keys = {letter: key for part in (few, more, left) for letter in part for key in tool.add(letter.text)}
    world.connect()
    world.turns(3)
    assert world.rounds == [], "words of their own cannot be guessed from names"

    for letter in few:
        tool.submit(keys[letter], {"reply": letter.reply})
    assert ended(world, 1) == "promoted", world.rounds[0].reason
    wait(world, lambda: all(keys[letter] in tool.shown for letter in left))
    first = {letter: tool.shown[keys[letter]].predictions["reply"].answer for letter in left}
    known = [letter for letter in left if letter.about in {each.about for each in few}]
    assert sum(first[letter] == letter.reply for letter in known) >= len(known) - 2, first

    edited = next(letter for letter in left if first[letter])
    said = f"{first[edited]} Yours, Ada"
    told = {"version": world.generation, "suggested": {"reply": first[edited]}, "origins": {"reply": "changed"}}
    tool.submit(keys[edited], {"reply": said}, **told)
    world.turns(3)
    with world.database.session() as session:
        label = session.query(Label).filter_by(example_key=keys[edited]).one()
        event = session.query(Event).filter_by(example_key=keys[edited]).one()
        assert (label.answer, label.suggested, label.origin) == (said, first[edited], "changed")
        assert (event.answer, event.suggested) == (said, first[edited])
        found = status.status(session, world.settings)
    (question,) = found["projects"][0]["questions"]
    (line,) = (each for each in question["acceptance"] if each["version"] is not None)
    assert line["edited"] == pytest.approx(distance(said, first[edited]), abs=1e-3)
    assert 0 < line["edited"] < 0.3

    for letter in more:
        tool.submit(keys[letter], {"reply": letter.reply})
    wait(world, lambda: len(world.rounds) > 1 and world.rounds[-1].ended_at)
    assert world.rounds[-1].state == "promoted", world.decisions
    wait(world, lambda: all(tool.shown[keys[one]].version == world.generation for one in left if one is not edited))
    second = {letter: tool.shown[keys[letter]].predictions["reply"].answer for letter in left if letter is not edited}
    world.web.service.stop()  # type: ignore[attr-defined]

    def changed(said: dict[Letter, str | None]) -> float:
        return sum(0.5 if said[one] is None else distance(said[one], one.reply) for one in second) / len(second)

    assert changed(second) < changed(first)
    assert sum(second[letter] == letter.reply for letter in second) >= len(second) - 3


def test_what_is_no_better_than_nothing_is_not_suggested(written: World) -> None:
    world, tool = written, written.tool
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    keys = [tool.add(letter.text)[0] for letter in letters(24, seed=4)]
    world.connect()
    for place, key in enumerate(keys):
        tool.submit(key, {"reply": alphabet[place % 26] * (9 + place)})
    assert ended(world, 1) == "rejected"
    world.turns(3)
    world.web.service.stop()  # type: ignore[attr-defined]
    reason = world.rounds[0].reason
    assert reason
    assert "no suggestion" in reason
    assert all(shown.predictions["reply"].answer is None for shown in tool.shown.values())

"""Suggestions that are shown many at a time, where that costs the tool no more: none is lost or left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labelwheel.backend.database.tables import Generation
from labelwheel.backend.suggestions import backfill
from labelwheel.plugins.errors import ToolUnreachable
from labelwheel.plugins.testing.fake_tool import FakeConnector
from tests.backend.world import World

MANY = 40


@pytest.fixture
def pushed(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many suggestions each push has; 40 examples, read three at a time, of which 12 are best shown together."""
    sizes: list[int] = []
    real = FakeConnector.push

    def push(connector: FakeConnector, suggestions, questions):  # type: ignore[no-untyped-def]
        sizes.append(len(suggestions))
        return real(connector, suggestions, questions)

    monkeypatch.setattr(FakeConnector, "push", push)
    world.tool.at_once = 12
    world.tool.add(*(f"text number {number} of many" for number in range(MANY)))
    return sizes


def filled(world: World) -> bool:
    return len(world.tool.shown) == MANY


def test_the_first_are_shown_at_once_and_then_ever_more_together(world: World, pushed: list[int]) -> None:
    world.connect()
    world.until(lambda: filled(world))
    world.settle()
    assert pushed == [3, 6, 12, 12, 7]


def test_one_by_one_where_the_tool_does_not_say(world: World, pushed: list[int]) -> None:
    world.tool.at_once = 1
    world.connect()
    world.until(lambda: filled(world))
    world.settle()
    assert pushed == [3] * 13 + [1]


def test_what_was_held_at_a_kill_is_suggested_again(world: World, pushed: list[int]) -> None:
    world.connect()
    world.until(lambda: len(world.tool.shown) == 9)
    world.turns(2)  # six more are held
    assert len(world.tool.shown) == 9
    world.start()
    world.until(lambda: filled(world))
    world.settle()
    assert sum(pushed) == MANY


def test_what_the_tool_did_not_take_is_suggested_again(world: World, pushed: list[int]) -> None:
    world.connect()
    world.until(lambda: len(world.tool.shown) == 9)
    world.tool.failing["push"] = ToolUnreachable("it is away")
    world.turns(6)
    assert len(world.tool.shown) == 9
    world.tool.failing.clear()
    world.until(lambda: filled(world))
    world.settle()
    assert {one.version for one in world.tool.shown.values()} == {world.generation}


def test_nothing_of_an_older_generation_is_shown_once_there_is_a_newer(world: World, pushed: list[int]) -> None:
    world.connect()
    world.until(lambda: len(world.tool.shown) == 9)
    older = world.generation
    world.turns(1)  # three more are held
    world.label(4)
    world.order(trigger="labels")
    world.until(lambda: world.generation != older)
    before = len([one for one in world.tool.shown.values() if one.version == older])
    world.settle()
    unlabelled = set(world.tool.examples) - {work.example for work in world.tool.work.values()}
    assert {world.tool.shown[key].version for key in unlabelled} == {world.generation}
    assert len([one for one in world.tool.shown.values() if one.version == older]) <= before


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[bool | None]:
    """What the tool says, call by call, of whether all old suggestions are gone: nothing else makes a call the last."""
    said: list[bool | None] = []

    def retire(connector: FakeConnector, versions: list[str]) -> bool | None:
        connector._tool.called("retire")
        answer = said.pop(0) if said else False
        if answer is not False:
            connector._tool.retired.extend(versions)
        return answer

    monkeypatch.setattr(FakeConnector, "retire", retire)
    return said


def second_generation(world: World) -> str:
    """A newer generation, shown everywhere; returns the name of the one before."""
    world.connect()
    world.settle()
    older = world.generation
    world.label(4)
    world.order(trigger="labels")
    world.until(lambda: world.generation != older and "retire" in world.tool.calls)
    return older


def retired(world: World) -> set[str]:
    with world.database.session() as session:
        return {one.name for one in session.query(Generation) if one.retired}


def test_old_suggestions_go_a_little_at_a_time_and_new_examples_do_not_wait_for_it(
    world: World, slow: list[bool | None]
) -> None:
    older = second_generation(world)
    world.turns(3)
    assert world.tool.calls.count("retire") > 2
    assert (world.tool.retired, retired(world)) == ([], set())
    (key,) = world.tool.add("a text that came meanwhile")
    world.until(lambda: key in world.tool.shown)
    slow.append(True)
    world.until(lambda: older in retired(world))
    calls = world.tool.calls.count("retire")
    world.turns(5)
    assert world.tool.calls.count("retire") == calls, "nothing is left to be taken away"
    assert older in world.tool.retired


def test_after_a_kill_or_while_the_tool_is_away_old_suggestions_go_later(world: World, slow: list[bool | None]) -> None:
    older = second_generation(world)
    world.tool.failing["retire"] = ToolUnreachable("it is away")
    world.turns(3)
    world.tool.failing.clear()
    world.start()
    world.turns(3)
    assert retired(world) == set()
    slow.append(None)
    world.until(lambda: older in retired(world))


def test_what_people_have_before_them_stays_for_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.settings = world.settings.model_copy(update={"retire_minutes": 30.0})
    world.start()
    world.connect()
    world.settle()
    older = world.generation
    world.label(4)
    world.order(trigger="labels")
    world.settle()
    world.turns(3)
    assert world.generation != older
    assert world.tool.retired == []
    later = backfill.now() + timedelta(minutes=31)
    monkeypatch.setattr(backfill, "now", lambda: later)
    world.until(lambda: older in world.tool.retired)
    assert world.generation not in world.tool.retired

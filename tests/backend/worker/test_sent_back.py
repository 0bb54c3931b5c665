"""Label errors in the labelling tool: shown when asked for, gone when put right, and with the connection."""

from __future__ import annotations

import pytest

from labelwheel.backend.database.tables import ExampleRow, InspectionPart
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import projects, sent_back
from labelwheel.backend.worker import sent_back as worker
from labelwheel.plugins.errors import ToolError, ToolFailed, ToolRefused, ToolUnreachable
from labelwheel.plugins.testing.fake_tool import FakeConnector
from labelwheel.training.spec import Part
from tests.backend.views.test_label_errors import found as labelled_wrong
from tests.backend.views.test_label_errors import inspect, labelled, read
from tests.backend.world import World


def ask(world: World, *questions: str) -> None:
    with world.database.transaction() as tx:
        sent_back.ask(tx, world.project.id, questions, "admin")


@pytest.fixture
def found(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[World, list[str]]:
    """Five labelled examples, three of which an inspection has found."""
    monkeypatch.setattr(worker, "EVERY_SECONDS", 0.0)
    keys = labelled(world)
    inspect(world, [keys[2], keys[0], keys[3]])
    return world, keys


@pytest.fixture
def shown(found: tuple[World, list[str]]) -> tuple[World, list[str]]:
    """And somebody who wants to see them in the tool."""
    world, keys = found
    world.turns(3)
    assert (world.tool.doubted, read(world)["sent_back"]) == ([], False), "nobody has asked yet"
    ask(world, "topic")
    world.turns(3)
    assert read(world)["sent_back"]
    return world, keys


def test_the_tool_shows_what_was_found_and_is_told_once(shown: tuple[World, list[str]]) -> None:
    world, keys = shown
    assert world.tool.doubted == [keys[2], keys[0], keys[3]]
    assert world.project.sent_back == {"questions": ["topic"], "by": "admin", "keys": world.tool.doubted}
    world.turns(5)
    world.start()
    world.turns(5)
    assert world.tool.calls.count("doubt") == 1, "nor after the worker was started again"


def test_what_is_put_right_leaves_the_list_and_comes_back_as_a_label(shown: tuple[World, list[str]]) -> None:
    world, keys = shown
    world.tool.submit(keys[2], {"topic": "politics"}, annotator=f"person {keys[2]}")
    world.settle()
    world.turns(3)
    assert world.tool.doubted == [keys[0], keys[3]]


def test_what_the_next_inspection_finds_comes(shown: tuple[World, list[str]]) -> None:
    world, keys = shown
    with world.database.transaction() as tx:
        part = tx.query(InspectionPart).filter_by(name="label_errors").one()
        part.found = part.found | {"labels": [labelled_wrong(key) for key in (keys[4], keys[0])]}
    world.turns(3)
    assert world.tool.doubted == [keys[4], keys[0]]


def test_it_goes_with_the_connection(shown: tuple[World, list[str]]) -> None:
    world, _ = shown
    with world.database.transaction() as tx:
        projects.disconnect(tx, world.project.id)
    world.turns(5)
    assert (world.project.state, world.project.sent_back, world.tool.doubted) == ("disconnected", None, [])


def test_who_connects_again_sees_it_again(shown: tuple[World, list[str]]) -> None:
    world, keys = shown
    world.tool.doubted = []  # somebody took it away
    world.connect("another key")
    world.settle()
    world.turns(3)
    assert world.tool.doubted == [keys[2], keys[0], keys[3]]


def test_it_ends_when_nobody_wants_it_any_more(shown: tuple[World, list[str]]) -> None:
    world, _ = shown
    ask(world)
    world.turns(3)
    assert (world.tool.doubted, world.project.sent_back) == ([], None)
    ask(world)
    assert world.project.sent_back is None


def test_blind_examples_are_not_shown(found: tuple[World, list[str]]) -> None:
    world, keys = found
    world.settings = world.settings.model_copy(update={"blind": 0.1})
    world.start()
    world.loops.clear()
    with world.database.transaction() as tx:
        for row in tx.query(ExampleRow):
            row.part, row.blind_lot = Part.HELD_OUT, 0.05 if row.key == keys[0] else 0.5
    ask(world, "topic")
    world.turns(3)
    assert world.tool.doubted == [keys[2], keys[3]]


def test_the_first_of_each_question_come_first_and_no_more_than_somebody_looks_at(
    found: tuple[World, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, keys = found
    monkeypatch.setattr(worker, "MOST", 4)
    lists = {"topic": [keys[2], keys[0], keys[3]], "places": [keys[4], keys[2], keys[1]]}
    monkeypatch.setattr(
        worker.label_errors, "read", lambda session, row: {"labels": [{"key": key} for key in lists[row.name]]}
    )
    ask(world, "topic", "places")
    world.turns(3)
    assert world.tool.doubted == [keys[2], keys[4], keys[0], keys[3]]


@pytest.mark.parametrize("error", [ToolRefused("not yours"), ToolFailed("500"), ToolError("400"), KeyError("id")])
def test_a_tool_that_refuses_is_asked_again_and_all_else_goes_on(
    found: tuple[World, list[str]], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, keys = found
    world.tool.failing["doubt"] = error
    ask(world, "topic")
    world.turns(3)
    problem = world.project.problem
    assert problem is not None
    assert str(error).strip("'") in problem
    assert world.project.stalled_at is None
    world.tool.submit(keys[1], {"topic": "politics"}, annotator=f"person {keys[1]}")
    world.settle()
    assert world.project.sent_back is not None
    assert world.project.sent_back["keys"] is None

    del world.tool.failing["doubt"]
    world.turns(3)
    assert world.tool.doubted == [keys[2], keys[0], keys[3]]
    assert world.project.problem is None


def test_a_tool_that_is_away_is_told_when_it_is_back(found: tuple[World, list[str]]) -> None:
    world, keys = found
    world.tool.failing["doubt"] = ToolUnreachable("nobody there")
    ask(world, "topic")
    world.turns(3)
    assert world.project.stalled_at is not None
    del world.tool.failing["doubt"]
    world.turns(3)
    assert world.tool.doubted == [keys[2], keys[0], keys[3]]
    assert world.project.stalled_at is None


def test_what_cannot_be_shown_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled(world)
    number = world.project.id
    with world.database.transaction() as tx:
        with pytest.raises(NotFound):
            sent_back.ask(tx, number, ["no such question"], "admin")
        monkeypatch.setattr(FakeConnector, "doubt", None)
        with pytest.raises(Conflict, match="has no place for label errors"):
            sent_back.ask(tx, number, ["topic"], "admin")
        projects.disconnect(tx, number)
        with pytest.raises(Conflict, match="there is no tool"):
            sent_back.ask(tx, number, ["topic"], "admin")

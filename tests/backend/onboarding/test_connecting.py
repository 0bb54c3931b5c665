"""A connect that cannot succeed says so soon, and leaves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import Project, ProjectState, QuestionRow, Round
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.onboarding.connecting import check_alone
from labelwheel.backend.projects import connectors, projects
from labelwheel.plugins.errors import ToolError, ToolRefused, ToolUnreachable
from labelwheel.training.errors import LabelwheelError
from tests.backend.world import World


@pytest.mark.parametrize("error", [ToolError("'Mails' is no number"), NotFound("there is no connector for it")])
def test_what_is_wrong_before_the_first_call_is_told_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch, error: LabelwheelError
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(connectors, "connect", fail)
    world.connect()
    world.turns(2)
    assert (world.project.state, world.project.problem) == ("failed", str(error))


def test_a_project_whose_connector_makes_no_sense_can_be_disconnected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connect()
    world.settle()

    def fail(*_: object) -> None:
        raise NotFound("its connector was taken away")

    monkeypatch.setattr(connectors, "connect", fail)
    with world.database.transaction() as tx:
        projects.disconnect(tx, 1)
    world.start()
    world.turns(2)
    assert world.project.state == "disconnected"
    assert "taken away" in str(world.project.problem)


def test_whoever_waits_for_a_tool_that_is_away_is_told_after_ten_seconds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("labelwheel.backend.onboarding.connecting.time.monotonic", lambda: clock[0])
    failing = world.tool.called

    def slow(name: str) -> None:
        clock[0] += 5.5  # a call that is not answered at all
        failing(name)

    world.tool.called = slow  # type: ignore[method-assign]
    world.tool.broken = ToolUnreachable("http://x does not answer")
    world.connect()
    world.turns(1)
    assert world.project.state == "connecting"
    world.until(lambda: world.project.state == "failed", turns=3)
    assert clock[0] == 11.0
    assert world.project.problem == "http://x does not answer"


def test_a_short_outage_while_connecting_is_waited_for(world: World) -> None:
    world.tool.broken = ToolUnreachable("away")
    world.connect()
    world.turns(2)
    world.tool.broken = None
    world.settle()
    assert world.project.problem is None


def test_a_failed_connect_is_taken_back_and_leaves_nothing(world: World) -> None:
    world.tool.failing["config"] = ToolRefused("no such key")
    world.connect()
    world.until(lambda: world.project.state == "failed")
    with world.database.transaction() as tx:
        assert projects.withdraw(tx, 1)
    with world.database.session() as session:
        assert session.scalars(select(Project)).all() == []
        assert session.scalars(select(QuestionRow)).all() == []
    world.turns(1)


def test_one_that_failed_late_goes_too(world: World) -> None:
    world.tool.failing["wire"] = ToolRefused("not allowed")
    world.connect()
    world.until(lambda: world.project.state == "failed")
    with world.database.transaction() as tx:
        assert tx.scalars(select(Round)).all()
        assert projects.withdraw(tx, 1)
    assert world.project.state == ProjectState.DISCONNECTED
    world.tool.failing.clear()
    world.connect()
    world.settle()


def test_a_project_that_was_connected_is_not_taken_back(world: World) -> None:
    world.connect()
    world.label(4)
    world.settle()
    world.tool.failing["config"] = ToolRefused("no such key")
    world.connect("wrong")
    world.until(lambda: world.project.state == "failed")
    with world.database.transaction() as tx:
        assert not projects.withdraw(tx, 1)
    assert world.project.state == "failed"


def test_a_place_that_was_connected_by_another_name_is_connected_by_that(world: World) -> None:
    world.connect()
    world.settle()
    with world.database.transaction() as tx:
        projects.disconnect(tx, 1)
    world.until(lambda: world.project.state == "disconnected")
    reference = str(world.project.reference)
    with world.database.transaction() as tx:
        other: Any = projects.register(tx, world.settings, "fake", world.url, "its title", "key", "http://us:9090")
        with pytest.raises(Conflict, match=r"project 1 before, by the name '1'"):
            check_alone(tx, other, reference)


def test_connecting_again_shows_an_order_again(world: World) -> None:
    """The order was taken away with the wiring, and came back with the next version only."""
    world.tool.add("one", "two", "three")
    world.connect()
    world.settle()
    assert sorted(world.tool.ranked) == ["1", "2", "3"]
    version = world.generation
    with world.database.transaction() as tx:
        projects.disconnect(tx, 1)
    world.until(lambda: world.project.state == "disconnected")
    world.tool.ranked = []
    world.connect()
    world.settle()
    assert world.generation == version
    assert sorted(world.tool.ranked) == ["1", "2", "3"]
    assert world.tool.calls.count("retire") <= 1

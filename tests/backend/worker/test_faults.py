"""Anything may raise at any place: it costs a second try, never a label."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from labelwheel.backend.database.tables import ExampleRow, Label
from labelwheel.backend.ledger import intake
from labelwheel.backend.projects import configuration, projects
from labelwheel.backend.trouble import Trouble
from labelwheel.backend.views.status import status
from labelwheel.plugins.connector import Page, Work
from labelwheel.plugins.testing.fake_tool import START, TOPIC, FakeConnector
from labelwheel.training.questions import Option
from tests.backend.faults import ERRORS
from tests.backend.world import World


def once(monkeypatch: pytest.MonkeyPatch, target: str, number: int, error: Callable[[], Exception]) -> list[int]:
    """The nth call of a function raises, all others work; returns the counter."""
    module, name = target.rsplit(".", 1)
    found = __import__(module, fromlist=[name])
    real = getattr(found, name)
    calls = [0]

    def fails(*given: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            raise error()
        return real(*given, **more)

    monkeypatch.setattr(found, name, fails)
    return calls


def labels(world: World) -> int:
    with world.database.session() as session:
        return len(session.scalars(select(Label)).all())


def turns(world: World, count: int) -> None:
    """As the worker's main loop does: whatever is raised, the next turn comes."""
    for _ in range(count):
        try:
            world.turn()
        except Exception:
            continue


@pytest.mark.parametrize("error", ERRORS, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("number", [16, 21])
def test_a_page_of_a_sweep_that_could_not_be_taken_is_not_gone(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int, error: Callable[[], Exception]
) -> None:
    """Fourteen pages are polled; of the seven that the sweep brings, the second or the last one fails."""
    world.tool.add(*(f"text number {each} of twenty" for each in range(20)))
    for key in world.tool.examples:
        world.tool.submit(key, {"topic": "sport"})
    calls = once(monkeypatch, "labelwheel.backend.ledger.intake.take", number, error)
    world.connect()
    turns(world, 40)
    with world.database.session() as session:
        gone = session.scalars(select(ExampleRow.key).where(ExampleRow.gone)).all()
    assert (labels(world), gone, calls[0]) == (20, [], 22)


@pytest.mark.parametrize("error", ERRORS, ids=lambda make: type(make()).__name__)
def test_a_page_of_a_poll_that_could_not_be_taken_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    world.tool.add(*(f"text number {each} of twenty" for each in range(20)))
    world.connect()
    world.settle()
    once(monkeypatch, "labelwheel.backend.ledger.intake.take", 4, error)
    for number, key in enumerate([*world.tool.examples, *world.tool.examples][:29]):
        world.tool.submit(key, {"topic": "sport"}, annotator=f"person {number % 2}", key=str(number))
    turns(world, 20)
    assert labels(world) == 29


@pytest.mark.parametrize("walk", ["poll", "sweep", "waiting"])
def test_a_connector_that_breaks_in_the_middle_of_a_walk_has_not_come_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch, walk: str
) -> None:
    """A generator that has raised says that there is nothing more; what it did not bring is not gone."""
    real = getattr(FakeConnector, walk)
    broken = [True]

    def breaks(self: FakeConnector, *given: Any) -> Iterator[Page]:
        for number, page in enumerate(real(self, *given)):
            if number == 2 and broken[0]:
                broken[0] = False
                raise KeyError("data")
            yield page

    monkeypatch.setattr(FakeConnector, walk, breaks)
    world.tool.add(*(f"text number {each} of twenty" for each in range(20)))
    for key in list(world.tool.examples)[:10]:
        world.tool.submit(key, {"topic": "sport"})
    world.connect()
    turns(world, 60)
    assert not broken[0]
    with world.database.session() as session:
        gone = session.scalars(select(ExampleRow.key).where(ExampleRow.gone)).all()
    assert (labels(world), gone) == (10, [])
    assert set(list(world.tool.examples)[10:]) <= set(world.tool.shown)


def test_a_page_of_the_backfill_that_failed_is_not_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.tool.add(*(f"text number {each} of twelve" for each in range(12)))
    real, calls = world.web.suggest, [0]

    def suggest(number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        calls[0] += 1
        if calls[0] == 2:
            raise KeyError("predictions")
        return real(number, examples)

    monkeypatch.setattr(world.web, "suggest", suggest)
    world.connect()
    turns(world, 60)
    assert set(world.tool.shown) == set(world.tool.examples)


@pytest.mark.parametrize("error", ERRORS, ids=lambda make: type(make()).__name__)
def test_what_stops_the_intake_is_told_once_and_shown_until_it_passes(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Callable[[], Exception]
) -> None:
    world.tool.add("one", "two")
    world.connect()
    world.settle()
    world.hold.seconds = 30
    world.hold.renew()
    real = intake.take

    def fails(*given: Any, **more: Any) -> Any:
        raise error()

    monkeypatch.setattr(intake, "take", fails)
    world.label(4)
    caplog.clear()
    world.turns(30)
    assert sum(record.name.startswith("labelwheel.backend.worker") for record in caplog.records) == 1
    traces = [record for record in caplog.records if record.exc_info]
    assert len(traces) == (0 if isinstance(error(), OperationalError) else 1)
    stuck = told(world)
    assert (stuck["state"], stuck["health"]) == ("connected", "stalled")
    assert stuck["stalled_at"] is not None
    assert str(getattr(error(), "orig", error())) in stuck["problem"]
    monkeypatch.setattr(intake, "take", real)
    world.settle()
    assert {name: told(world)[name] for name in ("health", "problem", "stalled_at")} == {
        "health": "connected", "problem": None, "stalled_at": None,
    }  # fmt: skip


def test_work_that_fails_is_tried_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [100.0]
    monkeypatch.setattr("labelwheel.backend.trouble.time.monotonic", lambda: moment[0])
    monkeypatch.setattr("labelwheel.backend.trouble.random.uniform", lambda *_: 1.0)
    trouble = Trouble(logging.getLogger("test"), "work")
    pauses = []
    for _ in range(9):
        trouble.note(KeyError("c"))
        pauses.append(trouble.pause)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    moment[0] += 60
    assert trouble.pause == 0
    assert trouble.over()
    assert (trouble.pause, trouble.problem, trouble.over()) == (0, None, False)


@pytest.mark.parametrize("error", ERRORS[1:], ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("place", ["config", "wire", "__init__", "apply"])
def test_what_was_not_expected_fails_a_connect_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, error: Callable[[], Exception]
) -> None:
    def fails(*given: Any) -> Any:
        raise error()

    monkeypatch.setattr(*((configuration, "apply") if place == "apply" else (FakeConnector, place)), fails)
    world.connect()
    world.turns(8)
    project = world.project
    assert project.state == "failed"
    assert type(error()).__name__ in (project.problem or "")
    assert world.kinds(None) == ["not connected"]
    monkeypatch.undo()


def test_a_database_that_is_away_for_a_moment_fails_no_connect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    once(monkeypatch, "labelwheel.backend.projects.configuration.apply", 1, ERRORS[0])
    world.connect()
    world.settle()


def test_a_connector_that_cannot_even_be_made_can_be_disconnected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connect()
    world.settle()
    world.start()
    with world.database.transaction() as tx:
        projects.disconnect(tx, 1)

    def fails(*given: Any) -> Any:
        raise KeyError("url")

    monkeypatch.setattr(FakeConnector, "__init__", fails)
    world.turns(3)
    assert world.project.state == "disconnected"
    assert "KeyError" in (world.project.problem or "")


def test_a_backfill_that_fails_holds_up_no_label(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any) -> Any:
        raise KeyError("predictions")

    world.tool.add("one", "two", "three", "four", "five")
    monkeypatch.setattr(world.web, "suggest", fails)
    world.connect()
    world.until(lambda: world.project.state == "connected")
    world.label(2)
    world.turns(10)
    assert labels(world) == 2
    assert told(world)["stalled_at"] is None
    assert "KeyError" in told(world)["problem"]


def test_a_wish_for_a_sweep_survives_the_sweep_that_is_under_way(world: World) -> None:
    """The configuration changes when a sweep has passed the first page already."""
    world.tool.add(*(f"text number {each} of twenty" for each in range(20)))
    world.connect()
    world.until(lambda: (world.project.sweep_cursor or "") >= "6")
    before = world.project.sweep_number
    weather = TOPIC.model_copy(update={"options": (*TOPIC.options, Option(value="weather"))})
    world.tool.questions = (weather,)
    # as a tool that decodes by what is asked: nobody touches this example again
    world.tool.work["x"] = Work(key="x", example="1", annotator="ann", updated_at=START, answers={"topic": "weather"})
    turns(world, 40)
    assert world.kinds(None)[-1] == "configured anew"
    assert world.project.sweep_number > before
    assert labels(world) == 1


def told(world: World) -> dict[str, Any]:
    with world.database.session() as session:
        found: dict[str, Any] = status(session, world.settings)["projects"][0]
    return found

"""Hints with keys: the worker looks at these examples alone, and a poll finds everything anyway."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import ExampleRow, Label
from labelwheel.backend.errors import LabelwheelError
from labelwheel.backend.ledger import hints
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.worker import intake_loop
from labelwheel.plugins.errors import ToolUnreachable
from tests.backend.world import World


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Without a hint nothing is polled or swept for an hour."""
    return load(**(settings.model_dump() | {"poll_seconds": 3600.0, "sweep_minutes": 60.0}))


@pytest.fixture
def connected(world: World) -> World:
    world.tool.add(*(f"text number {number} about {number**5}" for number in range(8)))
    world.connect()
    world.settle()
    world.tool.calls.clear()
    return world


def hint(world: World, *keys: str) -> None:
    with world.database.transaction() as tx:
        assert hints.hint(tx, "fake", world.project.reference or "", hints.bounded(keys))


def labels(world: World) -> set[str]:
    with world.database.session() as session:
        return set(session.scalars(select(Label.example_key)))


def looks(world: World) -> list[str]:
    return [call for call in world.tool.calls if call in ("poll", "fetch", "sweep")]


def answered(world: World) -> bool:
    return not hints.waiting(world.project)


def test_only_what_is_hinted_at_is_read(connected: World) -> None:
    cursor = connected.project.poll_cursor
    for key in ("2", "5"):
        connected.tool.submit(key, {"topic": "sport"})
    hint(connected, "2")
    connected.turn()
    assert (labels(connected), looks(connected), answered(connected)) == ({"2"}, ["fetch"], True)
    connected.turns(3)
    assert looks(connected) == ["fetch"], "an answered hint is over"
    assert connected.project.poll_cursor == cursor
    hint(connected)
    connected.turns(2)
    assert (labels(connected), looks(connected)) == ({"2", "5"}, ["fetch", "poll"])


@pytest.mark.parametrize("keys", [("99",), ("nobody's", "3"), ("; DROP TABLE labels", "☃", "9" * 255)])
def test_forged_keys_cost_one_look_and_change_nothing(connected: World, keys: tuple[str, ...]) -> None:
    def ledger() -> list[tuple[str, bool]]:
        with connected.database.session() as session:
            return [(row.key, row.gone) for row in session.scalars(select(ExampleRow).order_by(ExampleRow.id))]

    before = ledger()
    for _ in range(5):
        hint(connected, *keys)
    connected.turns(4)
    assert (ledger(), labels(connected), looks(connected)) == (before, set(), ["fetch"])


def test_a_deleted_example_is_gone_at_once(connected: World) -> None:
    connected.tool.submit("3", {"topic": "sport"})
    hint(connected, "3")
    connected.turn()
    connected.tool.remove("3")
    hint(connected, "3")
    connected.turn()
    with connected.database.session() as session:
        gone = session.scalars(select(ExampleRow.key).where(ExampleRow.gone)).all()
    assert (labels(connected), gone, looks(connected)) == (set(), ["3"], ["fetch", "fetch"])


def test_more_keys_than_are_kept_are_a_poll(connected: World) -> None:
    connected.tool.submit("5", {"topic": "sport"})
    for number in range(hints.MOST_KEYS + 1):
        hint(connected, f"one of many {number}")
    connected.turns(2)
    assert (labels(connected), looks(connected), answered(connected)) == ({"5"}, ["poll"], True)


def test_a_connector_that_cannot_fetch_polls_as_before(plain_tools: None, connected: World) -> None:
    connected.tool.submit("5", {"topic": "sport"})
    hint(connected, "5")
    connected.turns(2)
    assert (labels(connected), looks(connected), answered(connected)) == ({"5"}, ["poll"], True)
    assert connected.project.problem is None


@pytest.mark.parametrize("error", [KeyError("c"), ToolUnreachable("away"), LabelwheelError("something else")])
def test_a_fetch_that_fails_is_followed_by_a_poll(connected: World, error: Exception) -> None:
    """Whatever a key does to a connector, it does it once, and holds up nothing."""
    connected.tool.failing["fetch"] = error
    connected.tool.submit("5", {"topic": "sport"})
    hint(connected, "5")
    connected.turns(3)
    assert (labels(connected), looks(connected), answered(connected)) == ({"5"}, ["fetch", "poll"], True)
    connected.tool.failing.clear()
    connected.tool.submit("6", {"topic": "sport"})
    hint(connected, "6")
    connected.turns(2)
    assert (labels(connected), looks(connected)[2:]) == ({"5", "6"}, ["fetch"])


def test_what_is_hinted_at_amid_a_poll_waits_for_its_end(connected: World) -> None:
    """A page that was read before may come after: an older state of an example would overwrite the newer one."""
    for key in connected.tool.examples:
        for number in range(6):
            connected.tool.submit(key, {"topic": "sport"}, annotator=str(number))
    hint(connected)
    connected.turn()
    assert not answered(connected), "forty-eight changes are more than one step takes in"
    connected.tool.submit("1", {"topic": "politics"}, annotator="late")
    hint(connected, "1")
    connected.turn()
    assert looks(connected) == ["poll"]
    connected.until(lambda: answered(connected))
    with connected.database.session() as session:
        assert session.scalars(select(Label.answer).where(Label.annotator == "late")).one() == "politics"


def test_a_stream_of_hints_keeps_no_poll_from_its_turn(connected: World) -> None:
    connected.settings = load(**(connected.settings.model_dump() | {"poll_seconds": 1e-6}))
    connected.start()
    connected.tool.submit("7", {"topic": "sport"})
    for _ in range(3):
        hint(connected, "1")
        connected.turn()
    assert labels(connected) == {"7"}
    assert {"poll", "fetch"} <= set(looks(connected))


def test_a_label_does_not_wait_for_the_configuration(connected: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_loop, "_CONFIG_AFTER_HINT_SECONDS", 0.0)
    connected.tool.submit("5", {"topic": "sport"})
    hint(connected, "5")
    connected.turn()
    assert [call for call in connected.tool.calls if call in ("config", "fetch")][:1] == ["fetch"]
    assert labels(connected) == {"5"}


def test_polls_are_rarer_while_hints_name_all_that_happens(connected: World, monkeypatch: pytest.MonkeyPatch) -> None:
    connected.settings = load(**(connected.settings.model_dump() | {"poll_seconds": 1e-6}))
    connected.start()
    connected.turns(2)
    monkeypatch.setattr(intake_loop, "_TOLD", 1e12)
    hint(connected, "1")
    connected.turn()
    connected.tool.calls.clear()
    connected.turns(3)
    assert looks(connected) == []
    monkeypatch.setattr(intake_loop, "_TOLD", 1)
    connected.tool.submit("5", {"topic": "sport"})
    connected.turn()
    monkeypatch.setattr(intake_loop, "_TOLD", 1e12)
    connected.turn()
    assert looks(connected) == ["poll", "poll"], "a hint was lost: the next one may be, too"
    connected.turn()
    assert looks(connected) == ["poll", "poll"]
    monkeypatch.setattr(intake_loop, "_TOLD_SECONDS", 0.0)
    connected.turn()
    assert looks(connected) == ["poll", "poll", "poll"]

"""Examples that the labelling tool itself fails to show: never gone, always named, tried again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from labelwheel.backend.database.tables import ExampleRow, Label
from labelwheel.backend.ledger.aside import KEPT
from labelwheel.backend.views import status
from tests.backend.world import World


def sweep(world: World) -> None:
    world.until(lambda: world.project.swept_at is not None and world.project.sweep_started_at is None)
    with world.database.transaction() as tx:
        tx.get_one(type(world.project), 1).want_sweep()
    number = world.project.sweep_number
    world.until(lambda: world.project.sweep_number > number and world.project.sweep_started_at is None)


def labelled(world: World) -> set[str]:
    with world.database.session() as session:
        gone = session.scalars(select(ExampleRow.key).where(ExampleRow.gone)).all()
        keys = {row.work_key.partition("/")[0] for row in session.scalars(select(Label))}
    assert not keys & set(gone)
    return keys


def shown(world: World) -> list[dict[str, Any]]:
    with world.database.session() as session:
        (project,) = status.status(session, world.settings)["projects"]
    found: list[dict[str, Any]] = project["aside"]
    return found


def test_an_example_that_cannot_be_shown_keeps_its_labels(world: World) -> None:
    world.connect()
    world.label(6)
    world.settle()
    world.tool.unshown = {"2", "5"}
    sweep(world)
    assert labelled(world) == {"1", "2", "3", "4", "5", "6"}
    assert shown(world) == [{"key": "2", "reason": "500"}, {"key": "5", "reason": "500"}]
    world.tool.unshown = {"5"}
    sweep(world)
    assert [one["key"] for one in shown(world)] == ["5"]
    world.tool.unshown = set()
    world.tool.remove("5")
    sweep(world)
    assert labelled(world) == {"1", "2", "3", "4", "6"}
    assert shown(world) == []


def test_a_new_example_that_cannot_be_shown_comes_with_a_later_sweep(world: World) -> None:
    world.connect()
    world.tool.unshown = {"3"}
    world.label(6)
    world.until(lambda: len(labelled(world)) == 5)
    assert [one["key"] for one in shown(world)] == ["3"]
    world.tool.unshown = set()
    sweep(world)
    assert "3" in labelled(world)
    assert shown(world) == []


def test_nothing_is_gone_while_one_example_cannot_be_named(world: World) -> None:
    world.connect()
    world.label(6)
    world.settle()
    world.tool.unnamed = {"2"}
    world.tool.remove("5")
    sweep(world)
    assert labelled(world) == {"1", "2", "3", "4", "5", "6"}, "2 or 5: nobody can tell"
    assert [one["key"] for one in shown(world)] == ["#0"]
    world.tool.unnamed = set()
    sweep(world)
    assert labelled(world) == {"1", "2", "3", "4", "6"}


def test_what_is_kept_of_them_is_bounded(world: World) -> None:
    world.tool.page_size = 50
    world.connect()
    world.label(4)
    world.settle()
    keys = world.tool.add(*(f"text {number} {number**5}" for number in range(KEPT + 60)))
    world.tool.unshown = {*keys, "1"}
    sweep(world)
    assert len(shown(world)) == KEPT
    assert "1" in labelled(world)

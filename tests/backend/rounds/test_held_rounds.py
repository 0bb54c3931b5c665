"""Rounds whose challenger waits for somebody to promote it, and what a run of a pipeline has ordered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labelwheel.backend.database.tables import Round, now
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.rounds import inspections, round_commands
from tests.backend.fake_jobs import BAD
from tests.backend.world import World

HOUR = 3600.0


@pytest.fixture
def ready(world: World) -> World:
    """A connected project with labels, whose rounds begin only when they are ordered."""
    world.settings = world.settings.model_copy(update={"first_round": 1000})
    world.start()
    world.connect()
    world.settle()
    world.label(40)
    world.settle()
    return world


def order(world: World, hold: float | None = HOUR, run: str | None = None) -> int:
    # as the worker would: whether labels are new to the champion is no matter here
    with world.database.transaction() as tx:
        return round_commands.order(tx, world.question().id, "labels", hold=hold, run=run).id


def state(world: World, number: int) -> str:
    return found(world, number).state


def found(world: World, number: int) -> Round:
    return next(each for each in world.rounds if each.id == number)


@pytest.fixture
def held(ready: World) -> tuple[World, int]:
    number = order(ready, run="a run")
    ready.until(lambda: state(ready, number) == "held")
    return ready, number


def promote(world: World, number: int) -> Round:
    with world.database.transaction() as tx:
        return round_commands.promote(tx, number)


def test_a_challenger_that_passes_waits_and_is_promoted_as_the_same(held: tuple[World, int]) -> None:
    world, number = held
    before, champion = found(world, number), world.question().champion_id
    assert before.score == pytest.approx(0.9)
    assert world.settings.checkpoints.has(before.version), "it is kept while it waits"
    assert world.kinds()[-1] == "held"
    world.turns(10)
    assert (state(world, number), world.question().champion_id) == ("held", champion)
    promote(world, number)
    assert promote(world, number).state == "gating", "asked twice it is promoted once"
    world.settle()
    after = found(world, number)
    assert (after.state, after.look, after.score) == ("promoted", before.look, before.score)
    assert world.checkpoints[-1].version == before.version
    assert world.question().champion_id == world.checkpoints[-1].id
    assert promote(world, number).state == "promoted"
    assert world.kinds().count("promoted") == 2, "the names, and this one once"


def test_what_the_gate_rejects_is_not_held(ready: World) -> None:
    ready.launcher.automatic = BAD
    number = order(ready)
    ready.settle()
    assert state(ready, number) == "rejected"
    with pytest.raises(Conflict, match="only one that is held"):
        promote(ready, number)
    with pytest.raises(NotFound):
        promote(ready, 99)


def test_one_that_nobody_promotes_in_time_is_over(held: tuple[World, int]) -> None:
    world, number = held
    with pytest.raises(Conflict, match="active already"):
        order(world)
    with world.database.session() as session:
        assert not inspections.round_active(session), "nothing else waits for it"
    with world.database.transaction() as tx:
        tx.get_one(Round, number).held_until = now() - timedelta(seconds=1)
    world.until(lambda: state(world, number) == "cancelled")
    assert "nobody promoted it in time" in (found(world, number).reason or "")
    assert len(world.checkpoints) == 1
    assert order(world) > number


def test_one_that_is_promoted_at_the_last_moment_does_not_lapse(held: tuple[World, int]) -> None:
    world, number = held
    promote(world, number)
    with world.database.transaction() as tx:
        tx.get_one(Round, number).held_until = now() - timedelta(seconds=1)
        with pytest.raises(Conflict):
            round_commands.lapse(tx, number)
    world.settle()
    assert state(world, number) == "promoted"


def test_another_worker_promotes_what_one_has_held(held: tuple[World, int]) -> None:
    world, number = held
    world.start()
    world.turns(3)
    assert state(world, number) == "held"
    promote(world, number)
    world.start()
    world.settle()
    assert state(world, number) == "promoted"


def test_a_rollback_ends_what_is_held(held: tuple[World, int]) -> None:
    world, number = held
    promote(world, number)
    world.settle()
    again = order(world)
    world.until(lambda: state(world, again) == "held")
    with world.database.transaction() as tx:
        round_commands.rollback(tx, world.question().id)
    assert state(world, again) == "cancelled"


def test_a_run_that_asks_again_is_given_its_round(held: tuple[World, int]) -> None:
    world, number = held
    assert order(world, run="a run") == number
    promote(world, number)
    world.settle()
    assert order(world, run="a run") == number, "whatever has become of it"
    other = order(world, run="another run")
    assert other != number
    with world.database.transaction() as tx:
        round_commands.cancel(tx, other)
    assert order(world, run="another run") == other, "whoever cancelled it meant it"


def test_a_run_whose_round_failed_is_given_another(ready: World) -> None:
    number = order(ready, run="a run")
    with ready.database.transaction() as tx:
        failed = tx.get_one(Round, number)
        failed.state, failed.ended_at = "failed", now()
    assert order(ready, run="a run") > number


def close(world: World, run: str) -> Round | None:
    with world.database.transaction() as tx:
        return round_commands.close_run(tx, world.question().id, run, "the run is over")


def test_a_run_that_is_closed_leaves_nothing_behind(held: tuple[World, int]) -> None:
    world, number = held
    assert close(world, "another run") is None
    assert state(world, number) == "held"
    closed = close(world, "a run")
    assert closed is not None
    assert (closed.id, closed.state, closed.reason) == (number, "cancelled", "the run is over")
    assert close(world, "a run") is None
    assert order(world, run="a run") > number, "the same run, tried again, may begin anew"


def test_what_is_about_to_be_promoted_is_not_ended_with_its_run(held: tuple[World, int]) -> None:
    world, number = held
    promote(world, number)
    assert close(world, "a run") is None
    world.settle()
    assert state(world, number) == "promoted"

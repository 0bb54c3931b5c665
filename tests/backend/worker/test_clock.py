"""The clock is set back an hour, or forward: nothing waits for the future, nothing that runs is taken for late."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

import pytest
from sqlalchemy import select

from labelwheel.backend import clock
from labelwheel.backend.database import tables
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import Label, Lease, Round, Server
from labelwheel.backend.ledger import hints
from labelwheel.backend.projects import servers
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.views.status import status
from tests.backend.fake_jobs import finish
from tests.backend.world import World

Set = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Moves the wall clock by so many seconds; time.monotonic goes on as it does."""
    offset = [0.0]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=offset[0])

    monkeypatch.setattr(tables.base, "datetime", Clock)
    if hasattr(clock, "datetime"):
        monkeypatch.setattr(clock, "datetime", Clock)

    def move(seconds: float) -> None:
        offset[0] += seconds

    return move


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As people have it: a second between two polls, and quiet before a round."""
    values = settings.model_dump() | {"poll_seconds": 0.2, "quiet_seconds": 0.2, "sweep_minutes": 0.005}
    return load(**values)


@pytest.fixture
def worn(world: World) -> World:
    """A project that was connected, polled and swept a while ago."""
    world.tool.add(*(f"text number {number}" for number in range(6)))
    world.connect()
    world.settle()
    return world


def soon(world: World, condition: Callable[[], object], seconds: float = 90.0) -> None:
    """Within some polls, whatever the wall clock says; far less than the hour that is missing."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (world.decisions[-3:], world.project.__dict__)
        world.turn()
        time.sleep(0.02)


def count(world: World) -> int:
    with world.database.session() as session:
        return len(session.scalars(select(Label)).all())


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_labels_and_deletions_are_taken_in_and_learnt(
    worn: World, set_clock: Set, seconds: float, restart: bool
) -> None:
    worn.label(6)
    set_clock(seconds)
    if restart:
        worn.hold.release()
        worn.start()
    soon(worn, lambda: count(worn) == 6)
    soon(worn, lambda: len(worn.checkpoints) == 2)  # quiet enough, by whichever clock the labels were written down
    worn.tool.remove("6")
    soon(worn, lambda: count(worn) == 5)


def test_labels_from_before_the_clock_was_set_back_start_a_round(worn: World, set_clock: Set) -> None:
    worn.label(6)
    soon(worn, lambda: count(worn) == 6)
    set_clock(-3600)
    soon(worn, lambda: len(worn.checkpoints) == 2)


@pytest.mark.parametrize("restart", [False, True])
def test_a_hint_is_one_whoever_has_written_it(worn: World, set_clock: Set, restart: bool) -> None:
    reference = worn.project.reference or ""
    set_clock(-3600)
    with worn.database.transaction() as tx:
        hints.hint(tx, "fake", reference)
    assert hints.waiting(worn.project)
    if restart:
        worn.hold.release()
        worn.start()
    soon(worn, lambda: not hints.waiting(worn.project))


def test_new_examples_are_suggested_something(worn: World, set_clock: Set) -> None:
    set_clock(-3600)
    [key] = worn.tool.add("a text of an hour ago")
    soon(worn, lambda: key in worn.tool.shown)


def test_what_a_poll_brings_during_a_sweep_is_not_gone(worn: World, set_clock: Set) -> None:
    """A sweep that does not see the newest example, which a poll brings at an earlier time than the sweep began."""
    worn.settings = load(**(worn.settings.model_dump() | {"sweep_minutes": 1e-9}))
    worn.start()
    worn.until(lambda: worn.project.sweep_started_at is not None)
    set_clock(-3600)
    [key] = worn.tool.add("behind its back")
    sweep = worn.tool.examples.pop
    with worn.database.transaction() as tx:  # a poll at once: no other sweep may begin before it
        hints.hint(tx, "fake", worn.project.reference or "")
    worn.until(lambda: worn.project.poll_cursor == str(len(worn.tool.log)))
    kept = sweep(key)
    worn.until(lambda: worn.project.sweep_started_at is None)
    worn.tool.examples[key] = kept
    with worn.database.session() as session:
        row = session.scalars(select(tables.ExampleRow).where(tables.ExampleRow.key == key)).one()
    assert not row.gone


def test_failed_rounds_are_tried_again(worn: World, set_clock: Set) -> None:
    worn.launcher.automatic = None
    worn.label(6)
    soon(worn, lambda: [found.state for found in worn.rounds][1:] == ["running"])
    from tests.backend.fake_jobs import crash

    crash(worn.launcher.last, "out of luck")
    soon(worn, lambda: worn.rounds[-1].state == "failed")
    set_clock(-3600)
    worn.launcher.automatic = 0.1
    soon(worn, lambda: worn.rounds[-1].state == "promoted")


@pytest.mark.parametrize("seconds", [-7200.0, 7200.0])
def test_a_job_has_its_time_by_its_own_clock(worn: World, set_clock: Set, seconds: float) -> None:
    """30 minutes: neither two hours that never passed end it, nor does one that hangs get two hours more."""
    worn.launcher.automatic = None
    worn.order(trigger="labels")
    worn.turns(3)
    set_clock(seconds)
    worn.turns(3)
    assert worn.rounds[-1].state == "running"
    finish(worn.launcher.last)
    worn.turns(3)
    assert worn.rounds[-1].state == "promoted"


def test_a_lease_of_the_future_is_held_only_while_it_is_renewed(
    database: Database, set_clock: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (Hold(database, seconds=20, owner=f"{name}:1:1/x") for name in ("here", "there"))
    assert first.acquire()
    set_clock(-3600)
    moment = [1000.0]
    monkeypatch.setattr("labelwheel.backend.database.lease.time.monotonic", lambda: moment[0])
    assert not second.acquire()
    moment[0] += 15
    first.renew()
    for _ in range(3):
        moment[0] += 6
        first.renew()
        assert not second.acquire(), "it is renewed, so somebody is there"
    moment[0] += 21
    assert second.acquire()
    assert second.fence == first.fence + 1


def test_who_reported_in_the_future_is_not_alive(worn: World, set_clock: Set) -> None:
    worn.hold.seconds = 20
    worn.hold.renew()
    set_clock(-3600)
    with worn.database.session() as session:
        assert servers.alive(session) == []
        assert not status(session, worn.settings)["worker"]["alive"]
    worn.web.follow()
    worn.hold.renew()
    with worn.database.session() as session:
        assert [server.name for server in servers.alive(session)] == ["web"]
        assert status(session, worn.settings)["worker"]["alive"]
        assert len(session.scalars(select(Server)).all()) == len(session.scalars(select(Lease)).all()) == 1
        assert session.scalars(select(Round)).all()

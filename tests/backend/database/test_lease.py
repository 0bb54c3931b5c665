"""One worker at a time: leases, fences, and two workers started by mistake."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from labelwheel.backend.database import lease
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import Lease, Project
from labelwheel.backend.projects import projects
from labelwheel.backend.settings import Settings
from labelwheel.backend.worker import run
from tests.backend.fake_jobs import FakeLauncher
from tests.backend.world import FakeWeb, World


def test_a_lease_has_one_holder_until_it_runs_out(database: Database) -> None:
    first, second = Hold(database, seconds=30), Hold(database, seconds=30)
    assert first.acquire()
    assert not second.acquire()
    first.renew()
    first.release()
    assert second.acquire()
    assert second.fence == first.fence + 1


def test_a_stale_holder_writes_nothing(database: Database) -> None:
    first, second = Hold(database, seconds=-1), Hold(database, seconds=30)
    assert first.acquire()
    with first.transaction() as tx:
        tx.add(Lease(role="mark", owner="first", until=tx.scalars(select(Lease.until)).one()))
    assert second.acquire()
    with pytest.raises(LeaseLost), first.transaction() as tx:
        tx.add(Project(tool="t", url="u", external_id="1", api_key="k", service_url=""))
    with pytest.raises(LeaseLost):
        first.renew()
    with database.session() as session:
        assert session.scalars(select(Project)).all() == []


def test_a_killed_holder_on_this_machine_is_not_waited_for(database: Database) -> None:
    child = subprocess.Popen(["sleep", "60"])
    first = Hold(database, seconds=30, owner=f"{lease._process(child.pid)}/x")
    second = Hold(database, seconds=30)
    assert first.acquire()
    assert not second.acquire()
    child.kill()
    child.wait()
    assert second.acquire()
    assert not Hold(database, seconds=30).acquire()


def test_a_holder_elsewhere_is_waited_for(database: Database) -> None:
    assert Hold(database, seconds=30, owner="elsewhere:1:1/x").acquire()
    assert not Hold(database, seconds=30).acquire()


def test_racing_workers_get_one_lease(database: Database) -> None:
    holds = [Hold(database, seconds=30) for _ in range(6)]
    results: list[bool] = []
    threads = [threading.Thread(target=lambda hold=hold: results.append(hold.acquire())) for hold in holds]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 5 + [True]


def test_a_successor_waits_for_a_write_that_is_under_way(database: Database) -> None:
    first, second = Hold(database, seconds=-1), Hold(database, seconds=30)
    assert first.acquire()
    order: list[str] = []

    def take_over() -> None:
        second.acquire()
        order.append("taken over")

    with first.transaction():
        thread = threading.Thread(target=take_over)
        thread.start()
        time.sleep(0.3)
        order.append("written")
    thread.join()
    assert order == ["written", "taken over"]


def test_a_stale_worker_cannot_end_a_round(world: World) -> None:
    world.launcher.automatic = None
    world.connect()
    world.until(lambda: [found.state for found in world.rounds] == ["running"])
    stale = world.runner
    world.start()
    world.launcher.automatic = 0.1
    with pytest.raises(LeaseLost):
        stale.step()
    assert [found.state for found in world.rounds] == ["running"]
    world.settle()
    assert [found.state for found in world.rounds] == ["promoted"]


class Started:
    """A real worker in a thread."""

    def __init__(self, settings: Settings, launcher: FakeLauncher, web: FakeWeb) -> None:
        self.stop = threading.Event()
        self.thread = threading.Thread(target=run, args=(settings, self.stop, launcher, web, 8.0), daemon=True)
        self.thread.start()

    def end(self) -> float:
        began = time.monotonic()
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()
        return time.monotonic() - began


def wait(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_second_worker_waits_says_so_and_takes_over(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with world.database.transaction() as tx:
        tx.delete(tx.scalars(select(Lease)).one())
    first = Started(world.settings, world.launcher, world.web)
    wait(lambda: "the worker is running" in caplog.text)
    second = Started(world.settings, world.launcher, world.web)
    wait(lambda: "another worker is running" in caplog.text)
    world.label(3)
    world.connect()
    for _ in range(600):
        world.web.follow()
        if world.settled:
            break
        time.sleep(0.1)
    assert caplog.text.count("the worker is running") == 1
    assert first.end() < 15
    wait(lambda: caplog.text.count("the worker is running") == 2)
    world.label(4)
    wait(lambda: len(world.checkpoints) == 2)
    assert second.end() < 15
    assert caplog.text.count("another worker is running") == 1


def test_a_worker_that_is_stopped_queues_its_round_again(world: World) -> None:
    world.launcher.automatic = None
    world.connect()
    with world.database.transaction() as tx:
        tx.delete(tx.scalars(select(Lease)).one())
    worker = Started(world.settings, world.launcher, world.web)
    wait(lambda: world.launcher.jobs)
    wait(lambda: world.rounds[0].handle)
    worker.end()
    assert world.launcher.last.cancelled
    assert [(found.state, found.attempts) for found in world.rounds] == [("queued", 0)]
    with world.database.session() as session:
        assert projects.get(session, 1).state == "connecting"
    world.launcher.automatic = 0.1
    world.start()
    world.settle()
    assert [found.state for found in world.rounds] == ["promoted"]

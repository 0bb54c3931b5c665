"""Several web processes on one database: whoever was answered by the later version never meets the earlier again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from labelwheel.backend.app import Service, create_app
from labelwheel.backend.errors import Overloaded
from labelwheel.backend.projects import version_names
from labelwheel.backend.serving import follower, models
from labelwheel.backend.settings import Settings
from labelwheel.plugins.errors import UnknownProject
from tests.backend.serving.fakes import FakeEngine, example
from tests.backend.serving.test_models import World
from tests.backend.stage import TOOL, Stage


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.queue.close()


def test_what_is_got_ready_answers_when_its_turn_comes(world: World) -> None:
    world.want("g1", mood="v1")
    world.served_models.follow()
    world.want("g2", mood="v2")
    world.wanted[1] = replace(world.wanted[1], answers=False)
    assert world.served_models.follow()
    assert not world.served_models.follow()
    assert world.host.version("tool", "p1") == "g1"
    assert (world.served_models.serving, world.served_models.prepared) == ({"1": "g1"}, {"1": "g2"})
    assert world.engine.loads == ["v1", "v2"]
    world.wanted[1] = replace(world.wanted[1], answers=True, turn=7)
    assert world.served_models.follow()
    assert world.host.version("tool", "p1") == "g2"
    assert world.served_models.served_by_id(1).turn == 7
    assert world.served_models.prepared == {"1": "g2"}
    assert world.engine.loads == ["v1", "v2"], "nothing is loaded twice"


def test_the_first_is_not_answered_with_before_its_turn(world: World) -> None:
    world.want("g1", mood="v1")
    world.wanted[1] = replace(world.wanted[1], answers=False)
    world.served_models.follow()
    with pytest.raises(Overloaded):
        world.host.version("tool", "p1")
    world.served_models.follow()
    with pytest.raises(Overloaded):
        world.host.version("tool", "p1")
    with pytest.raises(UnknownProject):
        world.host.version("tool", "p2")


def test_who_asks_a_sleeping_project_waits_for_its_turn(tmp_path: Path) -> None:
    world = World(tmp_path, budget=1)
    for project in (1, 2):
        world.want(f"g{project}", project, f"p{project}", mood=f"v{project}")
        world.served_models.follow()
    (asleep,) = world.served_models.unloaded
    world.want("g3", asleep, f"p{asleep}", mood="v3")
    world.wanted[asleep] = replace(world.wanted[asleep], answers=False)

    def follow() -> None:
        world.served_models.follow()
        world.wanted[asleep] = replace(world.wanted[asleep], answers=True, turn=1)
        world.served_models.follow()

    world.served_models.on_call = threading.Thread(target=follow).start
    found = world.served_models.awake(world.served_models.served_by_id(asleep), 10)
    world.queue.close()
    assert (found.generation, found.unloaded) == ("g3", False)


def test_a_project_that_is_gone_is_not_kept_ready(world: World) -> None:
    world.want("g1", mood="v1")
    world.wanted[1] = replace(world.wanted[1], answers=False)
    world.served_models.follow()
    world.wanted.clear()
    world.served_models.follow()
    assert world.served_models.prepared == {}


def test_who_is_behind_catches_up_before_it_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.want("g1", mood="v1")
    world.served_models.follow()
    latest = 0
    monkeypatch.setattr(world.served_models, "_turn", lambda project: latest)
    assert world.host.version("tool", "p1") == "g1"
    latest = 1
    world.served_models.on_call = threading.Thread(target=lambda: _turn(world)).start
    assert world.host.version("tool", "p1") == "g2"
    latest = 2
    world.served_models.on_call = lambda: None
    monkeypatch.setattr(models, "CATCHING_UP_SECONDS", 0.05)
    with pytest.raises(Overloaded):
        world.host.version("tool", "p1")


def _turn(world: World) -> None:
    time.sleep(0.05)
    world.want("g2", mood="v2")
    world.wanted[1] = replace(world.wanted[1], turn=1)
    world.served_models.follow()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood")
    yield stage
    stage.database.dispose()


def start(stage: Stage, port: int, load_seconds: float) -> Service:
    settings = stage.settings.model_copy(update={"port": port})
    service: Service = create_app(settings, FakeEngine(load_seconds=load_seconds)).extensions["labelwheel"]
    return service


def version(service: Service) -> str:
    """As a labelling tool gets it; a process that has it not yet is asked again."""
    deadline = time.monotonic() + 30
    while True:
        try:
            [found] = service.host.suggest(TOOL, "1.99", [example()])
            return str(found.version)
        except (Overloaded, UnknownProject):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_two_processes_never_go_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One loads at once, the other takes its time: asked in turn, they would tell 2, 1, 2 without turns."""
    monkeypatch.setattr(follower, "JOINING_SECONDS", 0.2)
    stage.promote({"mood": "v0"}, ready=False)
    services = [start(stage, port, seconds) for port, seconds in ((9001, 0.0), (9002, 0.3))]
    seen: list[list[int]] = [[], [], []]
    over = threading.Event()

    def ask(found: list[int]) -> None:
        while not over.is_set():
            found += [version_names.number(version(service)) for service in services]

    try:
        for service in services:
            version(service)
        askers = [threading.Thread(target=ask, args=(each,)) for each in seen]
        for asker in askers:
            asker.start()
        for number in range(1, 6):
            stage.promote({"mood": f"v{number}"}, ready=False)
            time.sleep(0.6)
        over.set()
        for asker in askers:
            asker.join(30)
        assert services[0].ledger.alone() is services[1].ledger.alone() is False
    finally:
        for service in services:
            service.stop()
    for found in seen:
        assert found == sorted(found)
        assert len(set(found)) >= 5

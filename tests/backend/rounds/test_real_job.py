"""Rounds with real jobs: the processes, files and results are those that people get."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from labelwheel.backend.rounds import launchers
from labelwheel.training.launchers.local import Handle, LocalLauncher
from tests.backend.world import World

SPORT = "the team won the match, the goal keeper and the striker played the final {}"
POLITICS = "the parliament voted on the law, the minister and the party won the election {}"


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def real(world: World) -> World:
    world.launcher = LocalLauncher(str(launchers.folder(world.settings)), threads=1, grace=5.0)  # type: ignore[assignment]
    world.start()
    for number in range(24):
        world.tool.add((SPORT, POLITICS)[number % 2].format(f"for the {number}th time, said {chr(97 + number) * 9}"))
    return world


def wait(world: World, condition: object, seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, world.decisions
        world.turn()
        time.sleep(0.2)


@pytest.mark.slow
def test_names_then_labels_then_a_killed_job(real: World) -> None:
    real.connect()
    wait(real, lambda: real.settled)
    assert [row.recipe for row in real.checkpoints] == ["names"]
    for number, key in enumerate(list(real.tool.examples)[:20]):
        real.tool.submit(key, {"topic": ("sport", "politics")[number % 2]})
    wait(real, lambda: real.rounds[-1].recipe == "auto" and real.rounds[-1].handle)
    pid = Handle.model_validate_json(real.rounds[-1].handle or "").pid
    os.kill(pid, signal.SIGKILL)
    wait(real, lambda: real.kinds()[-1] in ("promoted", "rejected") and real.rounds[-1].attempts == 2)
    assert "queued again" in real.kinds()
    assert real.rounds[-1].reason
    assert not psutil.pid_exists(pid)
    if real.rounds[-1].state == "promoted":
        champion = real.checkpoints[-1]
        assert champion.metric
        assert champion.score is not None

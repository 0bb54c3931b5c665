"""A job's progress: the protocol of transformers' KubeflowCallback, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from labelwheel.backend.database.tables import Round
from labelwheel.backend.errors import InvalidRequest, NotFound, Unauthorized
from labelwheel.backend.rounds import progress
from tests.backend.world import World


@pytest.fixture
def running(world: World) -> Round:
    world.launcher.automatic = None
    world.connect()
    world.until(lambda: world.rounds and world.rounds[0].handle)
    return world.rounds[0]


def record(world: World, number: int, token: str, body: Any) -> Round:
    with world.database.transaction() as tx:
        progress.record(tx, number, token, body)
    return world.rounds[0]


def token_of(world: World) -> str:
    """What the job was given; the database has its hash."""
    (job,) = world.launcher.jobs.values()
    assert job.token
    assert job.token != world.rounds[0].progress_token
    return job.token


def test_a_jobs_report_is_kept(world: World, running: Round) -> None:
    body = {
        "trainerStatus": {
            "lastUpdatedTime": "2026-01-01T00:00:00Z",
            "progressPercentage": 40,
            "estimatedRemainingSeconds": 12,
            "metrics": [{"name": "loss", "value": "0.5"}],
        }
    }
    found = record(world, running.id, token_of(world), body)
    assert (found.progress, found.seconds_left, found.metrics) == (0.4, 12.0, {"loss": "0.5"})
    found = record(world, running.id, token_of(world), {"trainerStatus": {"progressPercentage": "250"}})
    assert (found.progress, found.metrics) == (1.0, {"loss": "0.5"})


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"trainerStatus": 3}, {"trainerStatus": {"progressPercentage": "x"}},
     {"trainerStatus": {"progressPercentage": float("nan")}}, {"trainerStatus": {"metrics": 7}}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(world: World, running: Round, body: Any) -> None:
    with pytest.raises(InvalidRequest):
        record(world, running.id, token_of(world), body)


def test_only_the_rounds_own_token_is_taken(world: World, running: Round) -> None:
    body: dict[str, Any] = {"trainerStatus": {"progressPercentage": 1}}
    for token in ("", "wrong", "wröng"):
        with pytest.raises(Unauthorized):
            record(world, running.id, token, body)
    with pytest.raises(NotFound):
        record(world, 99, token_of(world), body)
    world.launcher.automatic = 0.1
    world.settle()
    with pytest.raises(NotFound):
        record(world, running.id, token_of(world), body)

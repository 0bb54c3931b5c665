"""kill -9 of each process at the worst moments: afterwards everything is as if nothing had been."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psutil
import pytest

from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from testkit.stage import ENOUGH, Stage, at_once, kill

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def stage(studio: LabelStudioServer, quick: dict[str, str]) -> Iterator[Stage]:
    with LabelwheelServer(environment=quick) as wheel:
        stage = Stage(studio, wheel, labelled=ENOUGH)
        yield stage


def training(stage: Stage, number: int) -> None:
    """The round's job has read the labels and computes."""
    log = stage.wheel.home / "jobs" / str(number) / "log"
    at_once(lambda: log.exists() and "Embedding the texts" in log.read_text(), "a job that computes")
    assert stage.round(number)["state"] == "running"


def promotion(stage: Stage, number: int) -> None:
    """The job has ended, and nobody has drawn the consequences yet."""
    output = stage.wheel.home / "checkpoints" / stage.round(number)["version"] / "labelwheel.json"
    at_once(output.exists, "the checkpoint")


def swap(stage: Stage, number: int) -> None:
    """The challenger is the champion, and not served yet."""
    at_once(lambda: stage.round(number)["state"] == "promoted", "the promotion")


def backfill(stage: Stage, number: int) -> None:
    """Some tasks show the new version's suggestions, others still the old one's."""

    def under_way() -> bool:
        row = truth.rows(stage.wheel, "SELECT * FROM backfills ORDER BY id DESC LIMIT 1")[0]
        (project,) = truth.rows(stage.wheel, "SELECT announced FROM projects")
        promoted = stage.round(number)["state"] == "promoted"
        return promoted and row["generation"] == project["announced"] and row["state"] == "running" and row["done"] > 0

    at_once(under_way, "a backfill under way")


@pytest.mark.parametrize(
    ("role", "moment"),
    [
        ("web", training), ("web", swap), ("web", backfill),
        ("worker", training), ("worker", promotion), ("worker", backfill),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)  # fmt: skip
def test_a_killed_process_is_started_again_and_goes_on_where_it_stopped(stage: Stage, role: str, moment) -> None:
    stage.label(2)
    number = stage.order()
    victims = stage.wheel.processes(role)
    moment(stage, number)
    kill(victims)
    stage.label(3)
    assert stage.ended(number)["state"] == "promoted", stage.wheel.tail()
    stage.converged()
    stage.backfilled()
    rounds = truth.rows(stage.wheel, "SELECT id FROM rounds")
    assert len(stage.decisions("started")) == len(rounds), "a round was started twice"
    assert len(stage.wheel.processes(role)) >= 1
    assert not any(victim.is_running() for victim in victims)


def test_a_killed_job_is_tried_once_more(stage: Stage) -> None:
    number = stage.order()
    training(stage, number)
    assert stage.wheel.kill("job") >= 1
    assert stage.ended(number)["state"] == "promoted", stage.wheel.tail()
    assert stage.round(number)["attempts"] == 2
    assert "killed by signal 9" in stage.decisions("queued again")[-1]["reason"]
    stage.converged()


def test_a_job_that_is_killed_while_it_writes_leaves_nothing_behind(stage: Stage) -> None:
    store = stage.wheel.home / "checkpoints"
    for _ in range(4):  # the moment is short; one hit is what counts
        number = stage.order()
        training(stage, number)
        (job,) = stage.wheel.processes("job")
        at_once(lambda job=job: list(store.glob(".writing-*")) or not job.is_running(), "the writing of a checkpoint")
        job.kill()
        hit = bool(list(store.glob(".writing-*")))
        assert stage.ended(number)["state"] == "promoted", stage.wheel.tail()
        stage.converged()  # looks for half-written folders
        if hit:
            return
    pytest.fail("no job could be caught while it wrote")


def test_a_job_that_is_killed_each_time_fails_its_round_and_the_champion_stays(stage: Stage) -> None:
    before = stage.state()["version"]["current"]
    number = stage.order()
    for attempt in (1, 2):
        at_once(lambda attempt=attempt: stage.round(number)["attempts"] == attempt, f"attempt {attempt}")
        at_once(lambda: stage.wheel.processes("job"), "a job")
        stage.wheel.kill("job")
    row = stage.ended(number)
    assert row["state"] == "failed"
    assert "killed" in row["reason"]
    stage.converged()
    assert stage.state()["version"]["current"] == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_with_the_supervisor_everything_ends_and_comes_back(stage: Stage, how: signal.Signals) -> None:
    stage.label(2)
    number = stage.order()
    training(stage, number)
    family = stage.wheel.family()
    roles = {role: stage.wheel.processes(role) for role in ("web", "worker", "job", "supervisor")}
    assert all(roles.values()), roles
    (supervisor,) = roles["supervisor"]
    supervisor.send_signal(how)
    left = psutil.wait_procs(family, timeout=PATIENCE)[1]
    assert left == [], "what the supervisor started outlived it"
    stage.label(3)
    stage.wheel.start()
    assert stage.ended(number)["state"] == "promoted", stage.wheel.tail()
    stage.converged()
    stage.backfilled()

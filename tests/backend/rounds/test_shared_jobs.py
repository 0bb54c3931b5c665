"""Questions whose rounds are due together share a job, and nothing else: each ends by itself."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from labelwheel.backend.database.tables import Round, RoundState, now
from labelwheel.backend.rounds import data, progress, round_commands
from labelwheel.backend.rounds.runner import Runner
from labelwheel.training.launchers.base import Phase
from labelwheel.training.questions import Kind, Option, Question
from tests.backend.fake_jobs import GOOD, Job, crash, finish, refusal, write
from tests.backend.world import World

NAMES = ("one", "two", "three", "four", "five", "six")
QUESTIONS = tuple(
    Question(name=name, kind=Kind.CHOICE, inputs=("text",), options=(Option(value="yes"), Option(value="no")))
    for name in NAMES
)


@pytest.fixture
def six(world: World) -> World:
    """Six questions with rounds on labels in one job that runs."""
    world.tool.questions = QUESTIONS
    world.tool.add("one text", "another text")
    world.connect()
    world.settle()
    assert len(world.launcher.jobs) == 1, "the names of all six"
    world.launcher.automatic = None
    for name in NAMES:
        world.order(name, "labels")
    world.until(lambda: world.rounds[-1].handle)
    return world


def parts(world: World) -> list[Job]:
    return [world.launcher.last, *world.launcher.last.others]


def states(world: World) -> list[str]:
    return [str(row.state) for row in world.rounds[6:]]


def part_of(world: World, found: Round) -> Job:
    return next(job for job in parts(world) if job.spec.version == found.version)


def test_six_questions_are_one_job_with_a_bar_for_each(six: World) -> None:
    assert len(six.launcher.jobs) == 2
    rounds = six.rounds[6:]
    assert len({row.handle for row in rounds}) == 1
    for row, job in zip(rounds, parts(six), strict=True):
        assert job.spec.version == row.version
        assert job.url == f"http://127.0.0.1:9090/api/v1/rounds/{row.id}/progress"
        assert progress.digest(job.token or "") == row.progress_token
    assert len({job.token for job in parts(six)}) == 6
    assert len({job.spec.unlabelled for job in parts(six)}) == 6
    assert all([row["fields"] for row in job.unlabelled or ()] for job in parts(six))
    finish(six.launcher.last)
    six.launcher.automatic = GOOD
    six.settle()
    assert [row.state for row in six.rounds] == ["promoted"] * 12
    assert len(six.launcher.jobs) == 2


@pytest.mark.parametrize(("limit", "started"), [(1, 2), (2, 3)])
def test_a_shared_job_counts_as_one(six: World, limit: int, started: int) -> None:
    six.runner = Runner(six.hold, six.settings.model_copy(update={"jobs": limit}), six.launcher)
    with six.database.transaction() as tx:
        round_commands.cancel(tx, six.rounds[-1].id)
    six.turns(2)
    six.order("six", "labels")
    six.turns(3)
    assert states(six)[:5] == ["running"] * 5
    assert len(six.launcher.jobs) == started, "five rounds in one job leave room for a second job, and for no third"


def test_what_is_finished_is_promoted_while_the_others_go_on(six: World) -> None:
    write(parts(six)[0].spec, GOOD, 0.4)
    six.until(lambda: six.rounds[6].state == "promoted")
    assert states(six)[1:] == ["running"] * 5
    assert six.launcher.collected == ["job-1"], "the others' job goes on"
    assert not six.launcher.last.cancelled
    assert six.launcher.last.state.phase is Phase.RUNNING


def test_one_that_fails_says_why_and_the_others_go_on(six: World) -> None:
    refusal(parts(six)[2]).write_text(json.dumps({"error": "TooFewLabels", "message": "label more examples"}))
    six.until(lambda: six.rounds[8].ended_at)
    assert (six.rounds[8].state, six.rounds[8].reason) == ("failed", "the job failed: label more examples")
    assert states(six).count("running") == 5
    assert not six.launcher.last.cancelled
    finish(six.launcher.last)
    six.until(lambda: six.rounds[-1].ended_at)
    assert states(six) == ["promoted"] * 2 + ["failed"] + ["promoted"] * 3


def test_a_cancelled_round_leaves_the_others_their_job(six: World) -> None:
    gone = six.rounds[7]
    with six.database.transaction() as tx:
        round_commands.cancel(tx, gone.id)
    six.until(lambda: six.rounds[7].handle is None)
    assert not six.launcher.last.cancelled
    assert six.launcher.last.withdrawn == [str(gone.id)], "its turn is passed over"
    finish(six.launcher.last)
    six.until(lambda: six.rounds[-1].ended_at)
    six.turns(3)
    assert states(six) == ["promoted", "cancelled"] + ["promoted"] * 4
    assert not (six.settings.checkpoints.folder / gone.version).exists()


def test_the_last_cancelled_round_ends_the_job(six: World) -> None:
    for row in six.rounds[6:]:
        assert not six.launcher.last.cancelled
        with six.database.transaction() as tx:
            round_commands.cancel(tx, row.id)
        six.until(lambda row=row: next(each for each in six.rounds if each.id == row.id).handle is None)
    assert six.launcher.last.cancelled


def test_a_job_that_works_for_nobody_any_more_is_ended(six: World) -> None:
    with six.database.transaction() as tx:
        for row in six.rounds[7:]:
            round_commands.cancel(tx, row.id)
    six.turns(2)
    write(parts(six)[0].spec, GOOD, 0.4)
    six.until(lambda: six.rounds[6].state == "promoted")
    assert six.launcher.last.cancelled


def test_after_a_kill_each_unfinished_round_is_tried_once_more_and_alone(six: World) -> None:
    six.runner = Runner(six.hold, six.settings.model_copy(update={"jobs": 1}), six.launcher)
    write(parts(six)[0].spec, GOOD, 0.4)
    crash(six.launcher.last, code=-9)
    six.until(lambda: len(six.launcher.jobs) == 3)
    assert [row.attempts for row in six.rounds[6:]] == [1, 2, 1, 1, 1, 1]
    assert not six.launcher.last.others, "what killed the job must not take all of them along again"
    crash(six.launcher.last, code=-9)
    six.launcher.automatic = GOOD
    six.until(lambda: all(row.ended_at for row in six.rounds))
    assert states(six) == ["promoted", "failed"] + ["promoted"] * 4


def test_the_next_worker_adopts_all_rounds_of_a_job(six: World) -> None:
    six.start()
    six.turns(3)
    assert len(six.launcher.jobs) == 2
    assert {row.fence for row in six.rounds[6:]} == {six.hold.fence}
    finish(six.launcher.last)
    six.settle()
    assert states(six) == ["promoted"] * 6


def test_a_stopped_worker_queues_all_of_them_again(six: World) -> None:
    six.runner.stop()
    assert six.launcher.last.cancelled
    assert states(six) == ["queued"] * 6
    six.turns(1)
    assert len(six.launcher.jobs) == 3
    assert len(parts(six)) == 6


@pytest.mark.parametrize(("minutes", "over"), [(100, False), (250, True)])
def test_a_shared_job_has_time_for_all(six: World, minutes: float, over: bool) -> None:
    with six.database.transaction() as tx:
        for row in six.rounds[6:]:
            tx.get_one(Round, row.id).started_at = now() - timedelta(minutes=minutes)
    six.start()
    six.turns(2)
    six.turns(2)
    assert six.launcher.jobs["job-2"].cancelled is over
    if over:
        assert "longer than 180 minutes" in (six.rounds[6].reason or "")


def test_a_round_that_cannot_be_started_stays_behind(six: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(six.launcher.last)
    six.settle()
    real, broken = data.write, six.question("three").id

    def breaks(session: Any, question: Any, *rest: Any) -> Any:
        if question.id == broken:
            raise ValueError("of no use")
        return real(session, question, *rest)

    monkeypatch.setattr(data, "write", breaks)
    for name in NAMES:
        six.order(name, "labels")
    six.until(lambda: six.rounds[-1].handle)
    assert len(parts(six)) == 5
    last = six.rounds[-6:]
    assert [row.state for row in last] == ["running"] * 2 + ["failed"] + ["running"] * 3
    assert "of no use" in (last[2].reason or "")


def test_a_job_that_cannot_be_started_fails_all_of_its_rounds(six: World, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(six.launcher.last)
    six.settle()

    def breaks(*_: Any) -> str:
        raise ValueError("no more processes")

    monkeypatch.setattr(six.launcher, "submit", breaks)
    for name in NAMES:
        six.order(name, "labels")
    six.turns(3)
    assert [row.state for row in six.rounds[-6:]] == [RoundState.FAILED] * 6
    assert all("no more processes" in (row.reason or "") for row in six.rounds[-6:])

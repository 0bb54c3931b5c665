"""A search goes through its jobs to its verdict, whatever comes between."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import SQLAlchemyError

from labelwheel.backend.database.tables import Project, TrialRow
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import projects
from labelwheel.backend.rounds import launchers, round_commands
from labelwheel.backend.tuning import plan, tuning_commands
from labelwheel.backend.worker.inspection_loop import InspectionLoop
from labelwheel.training.launchers.base import Phase, State
from tests.backend.fake_trials import CONTRAST, REGRESSION, USUAL, better_with_more_steps, leave
from tests.backend.faults import ERRORS, Faults
from tests.backend.tuning.stage import Stage
from tests.backend.world import Killed, World

# its statements are plain: one whole search runs on both databases
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def left(stage: Stage) -> list[Path]:
    """What lies about of searches."""
    settings = stage.world.settings
    places = [settings.home.absolute() / "checkpoints", launchers.folder(settings)]
    return [path for place in places for path in place.glob("tuning-*")]


def test_what_is_better_by_more_than_noise_becomes_a_round_and_stays_if_the_gate_agrees(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    row = stage.search(trials=16)
    assert (row.state, row.verdict and row.verdict["worth"]) == ("done", True), row.reason
    assert row.tuned is not None
    assert row.tuned["strategy"] == CONTRAST
    assert row.tuned["knobs"]["steps"] > 1.2
    assert world.question().tuned is None, "the gate has not decided"
    ordered = next(each for each in world.rounds if each.id == row.round_id)
    assert (ordered.trigger, ordered.tuned) == ("tuning", row.tuned)
    world.settle()
    assert next(each for each in world.rounds if each.id == row.round_id).state == "promoted"
    assert world.question().tuned == row.tuned
    job = next(job for job in stage.launcher.jobs.values() if job.spec.version == ordered.version)
    assert job.spec.tuned is not None
    assert job.spec.tuned.model_dump(mode="json") == row.tuned
    assert world.order()
    world.settle()
    assert world.rounds[-1].tuned == row.tuned, "later rounds learn by them too"


@on_sqlite
def test_the_round_of_a_search_that_a_pipeline_ordered_is_its_round_and_is_held(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)

    def search() -> int:
        with world.database.transaction() as tx:
            return tuning_commands.order(tx, world.question().id, 600.0, 16, hold=3600.0, run="a run").id

    number = search()
    stage.until(lambda: stage.row.state == "done" and stage.row.tidy)
    assert search() == number, "asked again it is the same search"
    world.until(lambda: world.rounds[-1].state == "held")
    ordered = world.rounds[-1]
    assert (ordered.id, ordered.tuned, ordered.run) == (stage.row.round_id, stage.row.tuned, "a run")
    with world.database.transaction() as tx:
        assert round_commands.order(tx, world.question().id, hold=3600.0, run="a run").id == ordered.id
        assert tuning_commands.close_run(tx, world.question().id, "a run", "over") is None, "it has ended by itself"
        round_commands.promote(tx, ordered.id)
    world.settle()
    assert world.question().tuned == stage.row.tuned


@on_sqlite
def test_a_search_of_a_run_that_is_closed_is_ended_and_may_begin_anew(world: World) -> None:
    stage = Stage(world)
    with world.database.transaction() as tx:
        question = world.question().id
        first = tuning_commands.order(tx, question, 600.0, run="a run").id
        assert tuning_commands.close_run(tx, question, "another run", "over") is None
        closed = tuning_commands.close_run(tx, question, "a run", "over")
        assert closed is not None
        assert (closed.id, closed.state, closed.reason) == (first, "cancelled", "over")
        assert tuning_commands.order(tx, question, 600.0, run="a run").id != first
    assert stage.row.state == "queued"


@on_sqlite
def test_a_round_that_the_gate_rejects_changes_nothing(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    row = stage.search(trials=16)
    stage.launcher.automatic = 0.6
    world.settle()
    assert next(each for each in world.rounds if each.id == row.round_id).state == "rejected"
    assert world.question().tuned is None
    stage.launcher.automatic = 0.1
    world.order()
    world.settle()
    assert world.rounds[-1].tuned is None


@on_sqlite
def test_a_search_with_nothing_to_find_says_so_and_changes_nothing(world: World) -> None:
    stage, before = Stage(world), None
    before = len(world.rounds)
    row = stage.search(trials=16)
    assert row.state == "done"
    assert row.reason is not None
    assert row.reason.endswith("nothing changes")
    assert "noise" in row.reason or "ahead" in row.reason
    assert row.round_id is None
    assert len(world.rounds) == before
    assert world.question().tuned is None
    assert world.decisions[-1][1:] == ("tuned", row.reason)


@on_sqlite
def test_rolling_back_goes_back_to_how_it_was_learnt_and_so_does_who_asks_for_the_defaults(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    row = stage.search(trials=16)
    world.settle()
    assert world.question().tuned == row.tuned
    with world.database.transaction() as tx:
        round_commands.rollback(tx, world.question().id)
    assert world.question().tuned is None
    with world.database.transaction() as tx:
        round_commands.rollback(tx, world.question().id, world.rounds[-1].version)
        assert tuning_commands.forget(tx, world.question().id, "Ann")
        assert not tuning_commands.forget(tx, world.question().id, "Ann")
    assert world.question().tuned is None
    assert "tuning forgotten" in world.kinds()


@on_sqlite
def test_no_trial_is_given_what_is_held_out_and_all_see_the_same_labels(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    seen: set[str] = set()
    stage.launcher.fails = lambda spec: seen.add(Path(spec.data).read_text("utf-8"))  # type: ignore[func-returns-value]
    stage.search(trials=6)
    (rows,) = ([json.loads(line) for line in text.splitlines()] for text in seen)
    assert len(rows) == stage.row.label_count < 120
    assert {row["part"] for row in rows} == {"train"}
    assert len(stage.launcher.trials) > 6
    assert {each.champion for each in stage.launcher.trials} == {None}
    assert not left(stage), "the texts of the project stay nowhere"


@on_sqlite
def test_trials_go_from_few_labels_to_all_of_them_and_the_best_are_measured_on_fresh_folds(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    row = stage.search(trials=16)
    rows = stage.trials
    assert row.budget > row.spent >= 0
    proposed = [each for each in rows if each.role == "search" and each.of is None]
    assert len(proposed) == 16
    assert any(each.state == "pruned" and each.rung < 2 for each in proposed)
    assert all(sorted(each.values) == [str(rung) for rung in range(each.rung + 1)] for each in proposed)
    assert {each.trial.labels for each in stage.launcher.trials if each.trial} == {1 / 3, 2 / 3, 1.0}
    anew, usual_of_chosen = [each for each in rows if each.role == "anew"], plan.defaults(rows)
    assert usual_of_chosen is not None
    assert {each.of for each in anew} > {usual_of_chosen.number}
    searched = {each.seed for each in proposed}
    assert searched.isdisjoint(each.seed for each in anew)
    assert len({each.seed for each in anew}) == plan.REPEATS
    usual = [each for each in rows if each.role == "search" and each.of == 0]
    assert {(each.settings or {})["strategy"] for each in usual} == set(USUAL)
    assert row.importances
    assert abs(sum(row.importances.values()) - 1) < 0.01


@on_sqlite
def test_what_is_plainly_worse_than_the_defaults_goes_no_further(world: World) -> None:
    """However few others there are, and in whichever bracket of the pruner it is."""
    stage = Stage(world, error=lambda tuned: USUAL[tuned.strategy] + (0.5 if set(tuned.knobs) - {"steps"} else 0.0))
    row = stage.search(trials=10)
    proposed = [each for each in stage.trials if each.role == "search" and each.of is None]
    assert {(each.state, each.rung) for each in proposed} == {("pruned", 0)}
    assert row.reason == f"none of {len(proposed) + 2} trials was ahead of the defaults; nothing changes"


@on_sqlite
def test_a_round_ends_its_job_and_what_was_measured_is_kept(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    stage.order(trials=8)
    stage.until(lambda: len(stage.trials) > 5)
    stage.launcher.hang = True
    stage.until(lambda: stage.row.handle is not None)
    job = stage.launcher.last
    leave(job.spec, better_with_more_steps)  # the first of its trials is done
    number = int(job.spec.version.split("-")[-2])
    measured = len(stage.trials[number].values)
    world.launcher.automatic = None
    world.order()
    world.turns(2)
    stage.step()
    assert job.cancelled
    assert stage.row.handle is None
    assert len(stage.trials[number].values) == measured + 1
    assert {each.state for each in stage.trials} <= {"complete", "pruned", "waiting"}
    submitted = len(stage.launcher.jobs)
    for _ in range(5):
        stage.step()
    assert len(stage.launcher.jobs) == submitted, "it waits for the round"
    world.launcher.automatic, stage.launcher.hang = 0.1, False
    world.settle()
    stage.until(lambda: stage.row.state == "done")


@on_sqlite
def test_inspections_wait_for_a_search(world: World) -> None:
    stage = Stage(world)
    stage.launcher.hang = True
    stage.order()
    stage.step()
    loop = InspectionLoop(world.hold, world.settings, ("false",))
    loop.step()
    assert loop._running is None
    with world.database.transaction() as tx:
        tuning_commands.cancel(tx, stage.row.id)
    loop.step()
    assert loop._running is not None
    loop.stop()


@on_sqlite
def test_cancelling_ends_the_job_and_changes_nothing(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    number = stage.order()
    stage.launcher.hang = True
    stage.until(lambda: stage.row.handle is not None)
    with world.database.transaction() as tx:
        tuning_commands.cancel(tx, number, "Ann cancelled it")
    with world.database.transaction() as tx, pytest.raises(Conflict, match="ended already: cancelled"):
        tuning_commands.cancel(tx, number)
    with world.database.transaction() as tx, pytest.raises(NotFound, match="no search 99"):
        tuning_commands.cancel(tx, 99)
    stage.step()
    assert stage.launcher.last.cancelled
    assert (stage.row.handle, stage.row.tidy) == (None, True)
    assert not left(stage)
    assert {each.state for each in stage.trials} == {"failed"}
    assert world.decisions[-1][1:] == ("tuning ended", "Ann cancelled it; nothing changes")
    stage.launcher.hang = False
    assert stage.search(trials=4).state == "done", "another one can begin"


@on_sqlite
def test_two_searches_of_one_question_are_one_too_many(world: World) -> None:
    stage = Stage(world)
    stage.order()
    with pytest.raises(Conflict, match="under way already; wait for it, or end it"):
        stage.order()


@on_sqlite
def test_few_labels_are_refused_with_what_is_missing(world: World) -> None:
    stage = Stage(world, labels=40)
    with pytest.raises(Conflict, match=r"labels to learn from, a search takes 50: label at least \d+ more"):
        stage.order()


@on_sqlite
def test_the_budget_ends_the_search_and_leaves_time_to_measure_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, clock = Stage(world, error=better_with_more_steps), [0.0]
    monkeypatch.setattr("labelwheel.backend.tuning.tuner.time.monotonic", lambda: clock[0])
    stage.order(budget=300.0)
    for _ in range(1000):
        if stage.row.state == "done":
            break
        clock[0] += 12.0
        stage.step()
    row = stage.row
    assert row.state == "done"
    assert 300.0 * plan.SEARCH_SHARE <= row.spent <= 320.0
    rows = stage.trials
    assert any(each.role == "anew" and each.state == "complete" for each in rows)
    assert sum(each.role == "search" for each in rows) > 6


@on_sqlite
def test_a_budget_that_the_defaults_use_up_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, clock = Stage(world), [0.0]
    monkeypatch.setattr("labelwheel.backend.tuning.tuner.time.monotonic", lambda: clock[0])
    stage.launcher.hang = True
    stage.order(budget=60.0)
    for _ in range(100):
        clock[0] += 10.0
        stage.step()
    assert stage.row.state == "failed"
    assert "longer --budget" in (stage.row.reason or "")
    assert stage.launcher.last.cancelled


@on_sqlite
def test_a_machine_that_slept_has_not_spent_its_night(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, clock = Stage(world), [0.0]
    monkeypatch.setattr("labelwheel.backend.tuning.tuner.time.monotonic", lambda: clock[0])
    stage.launcher.hang = True
    stage.order(budget=600.0)
    stage.until(lambda: stage.row.handle is not None)
    clock[0] += 8 * 3600.0
    stage.step()
    assert stage.row.state == "running"
    assert stage.row.spent <= 60.0


@on_sqlite
@pytest.mark.parametrize("committed", [False, True])
def test_killed_at_any_transaction_it_comes_to_the_same_end(world: World, committed: bool) -> None:
    stage = Stage(world, error=better_with_more_steps)
    stage.order(trials=5)
    died = 0
    for _ in range(400):
        if stage.row.state not in ("queued", "running"):
            break
        world.kill_at(1 + died % 3, committed)
        try:
            stage.step()
        except Killed:
            died += 1
            world.start()
            stage.start()
    assert died > 10
    assert stage.row.state == "done", stage.row.reason
    rows = stage.trials
    assert [each.number for each in rows] == list(range(len(rows)))
    assert sum(each.role == "search" and each.of is None for each in rows) == 5
    running = [each for each in stage.launcher.jobs.values() if each.state.phase is Phase.RUNNING]
    assert not running or stage.row.tidy is False
    stage.until(lambda: stage.row.tidy)
    assert not left(stage)


@on_sqlite
def test_the_next_worker_adopts_the_job_of_a_killed_one(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    stage.launcher.hang = True
    stage.order(trials=4)
    stage.until(lambda: stage.row.handle is not None)
    handle, jobs = stage.row.handle, len(stage.launcher.jobs)
    world.start()
    stage.start()
    stage.step()
    assert (stage.row.handle, len(stage.launcher.jobs)) == (handle, jobs)
    stage.launcher.hang = False
    stage.until(lambda: stage.row.state == "done")


@on_sqlite
def test_another_launcher_begins_the_running_trials_anew(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    stage.launcher.hang = True
    stage.order(trials=4)
    stage.until(lambda: stage.row.handle is not None)
    world.settings = world.settings.model_copy(update={"launcher": "cloud"})
    stage.start()
    stage.launcher.hang = False
    stage.until(lambda: stage.row.state == "done")
    assert stage.row.launcher == "cloud"


@on_sqlite
def test_a_stopped_worker_leaves_no_job_and_the_next_goes_on(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    stage.order(trials=4)
    stage.until(lambda: len(stage.trials) > 4)
    stage.launcher.hang = True
    stage.until(lambda: stage.row.handle is not None)
    stage.tuner.stop()
    assert stage.launcher.last.cancelled
    assert stage.row.handle is None
    stage.launcher.hang = False
    stage.start()
    stage.until(lambda: stage.row.state == "done")


@on_sqlite
def test_a_job_that_is_killed_is_tried_once_more(world: World) -> None:
    stage = Stage(world)
    stage.launcher.hang = True
    stage.order(trials=4)
    for attempt in (1, 2):
        stage.until(lambda: stage.row.handle is not None)
        assert stage.trials[0].attempts == attempt
        stage.launcher.last.state = State(phase=Phase.FAILED, code=-9)
        stage.step()
    stage.until(lambda: stage.row.state == "failed")
    assert "the defaults could not be measured: its job was killed" in (stage.row.reason or "")


@on_sqlite
def test_a_job_that_hangs_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, clock = Stage(world), [0.0]
    monkeypatch.setattr("labelwheel.backend.tuning.tuner.time.monotonic", lambda: clock[0])
    stage.start()
    stage.launcher.hang = True
    stage.order(budget=86400.0)
    stage.until(lambda: stage.row.handle is not None)
    clock[0] += 20 * 60
    stage.step()
    assert not stage.launcher.last.cancelled
    clock[0] += 30 * 60
    stage.until(lambda: stage.row.state == "failed")
    assert stage.launcher.last.cancelled
    assert "it took longer than 30 minutes" in (stage.row.reason or "")


@on_sqlite
def test_a_trial_that_fails_is_its_own_and_the_search_goes_on(world: World) -> None:
    stage = Stage(world, error=better_with_more_steps)
    failing = lambda spec: "memory ran out" if spec.tuned and spec.tuned.strategy == REGRESSION else None  # noqa: E731
    stage.launcher.fails = failing
    row = stage.search(trials=12)
    assert row.state == "done"
    failed = [each for each in stage.trials if each.state == "failed"]
    assert failed
    assert {(each.settings or {})["strategy"] for each in failed} == {REGRESSION}
    assert {each.detail for each in failed} == {"memory ran out"}


@on_sqlite
def test_labels_that_cannot_be_measured_at_all_end_it_with_the_reason(world: World) -> None:
    stage = Stage(world)
    stage.launcher.fails = lambda spec: "the model hub does not answer"
    row = stage.search()
    assert row.state == "failed"
    assert "the defaults could not be measured: the model hub does not answer" in (row.reason or "")
    assert not left(stage)


@on_sqlite
def test_a_question_that_is_changed_meanwhile_ends_it(world: World) -> None:
    stage = Stage(world)
    stage.launcher.hang = True
    stage.order()
    stage.until(lambda: stage.row.handle is not None)
    with world.database.transaction() as tx:
        question = projects.question(tx, 1, "topic")
        question.spec = {**question.spec, "options": [{"value": "sport"}, {"value": "war"}]}
    stage.until(lambda: stage.row.state == "failed")
    assert "the question was changed or removed" in (stage.row.reason or "")
    stage.step()
    assert stage.launcher.last.cancelled


@on_sqlite
def test_a_project_that_is_disconnected_or_removed_meanwhile_ends_it(world: World) -> None:
    stage = Stage(world)
    stage.launcher.hang = True
    stage.order()
    stage.until(lambda: stage.row.handle is not None)
    with world.database.transaction() as tx:
        projects.get(tx, 1).state = "disconnected"
    stage.until(lambda: stage.row.state == "failed")
    assert "no project that asks the question is connected" in (stage.row.reason or "")
    stage.until(lambda: stage.row.tidy)
    with world.database.transaction() as tx:
        projects.get(tx, 1).state = "connected"
    stage.order()
    stage.until(lambda: stage.row.handle is not None)
    job = stage.launcher.last
    with world.database.transaction() as tx:
        tx.execute(delete(Project).where(Project.id == 1))
    stage.step()
    assert job.cancelled
    with world.database.session() as session:
        assert session.query(TrialRow).count() == 0


@on_sqlite
def test_a_disk_that_is_full_ends_it_with_the_reason(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(world)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage.launcher, "submit", full)
    row = stage.search()
    assert row.state == "failed"
    assert "No space left" in (row.reason or "")


@on_sqlite
@pytest.mark.parametrize("seed", [1, 2])
def test_any_statement_may_raise_and_the_search_goes_on(world: World, seed: int) -> None:
    stage, chance = Stage(world, error=better_with_more_steps), random.Random(seed)
    stage.order(trials=4)
    faults = Faults(lambda place, number: ERRORS[0]() if chance.random() < 0.05 else None)
    for _ in range(1000):
        with faults.of(world.database), suppress(SQLAlchemyError):
            stage.step()
        if stage.row.tidy:
            break
    row, rows = stage.row, stage.trials
    assert row.state == "done", row.reason
    assert len(faults.raised) > 20
    assert [each.number for each in rows] == list(range(len(rows)))
    assert sum(each.role == "search" and each.of is None for each in rows) == 4
    assert not left(stage)


@on_sqlite
def test_a_fault_of_ours_ends_the_search_with_its_reason_and_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(world)
    with monkeypatch.context() as patched:
        patched.setattr("labelwheel.backend.tuning.optimizer.propose", lambda *_: {}["c"])
        row = stage.search(trials=4)
    assert row.state == "failed"
    assert "KeyError" in (row.reason or "")
    assert stage.search(trials=4).state == "done"

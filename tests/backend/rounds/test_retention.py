"""What is cleared away, and what never is; and that looking for it costs the same however much there is."""

import datetime

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import (
    Backfill,
    CheckpointRow,
    ExampleRow,
    Generation,
    Impression,
    Project,
    QuestionRow,
    Round,
    RoundState,
    now,
)
from labelwheel.backend.projects import generations
from labelwheel.backend.rounds import jobs, retention
from labelwheel.backend.settings import Settings
from tests.backend.counting import counted
from tests.backend.stage import Stage


class Held:
    """A database without a worker's lease."""

    def __init__(self, database):
        self.database, self.transaction = database, database.transaction


@pytest.fixture
def stage(tmp_path):
    stage = Stage(Settings(home=tmp_path / "home", keep_checkpoints=2))
    stage.connect("mood")
    yield stage
    stage.database.dispose()


def tidy(stage):
    retention.tidy(Held(stage.database), stage.settings)


def versions(stage):
    with stage.database.session() as session:
        query = select(CheckpointRow.version).where(CheckpointRow.removed.is_(False)).order_by(CheckpointRow.id)
        return list(session.scalars(query))


def add_round(stage, version, state):
    with stage.database.transaction() as tx:
        question = tx.scalars(select(QuestionRow)).first()
        found = Round(
            project_id=stage.project, question_id=question.id, trigger="labels", recipe="auto", version=version,
            state=state,
        )  # fmt: skip
        tx.add(found)
        tx.flush()
        return found.id


def test_the_latest_and_what_is_served_stay(stage):
    for number in range(6):
        stage.promote({"mood": f"v{number}"})
    with stage.database.transaction() as tx:
        question = tx.scalars(select(QuestionRow)).one()
        question.champion_id = tx.scalars(select(CheckpointRow.id).filter_by(version="v1")).one()
    tidy(stage)
    assert versions(stage) == ["v1", "v4", "v5"]


def test_files_of_rounds_that_are_over_go_and_no_others(stage):
    stage.promote({"mood": "v1"})
    add_round(stage, "rejected", RoundState.REJECTED)
    add_round(stage, "running", RoundState.RUNNING)
    for name in ("rejected", "running", "somebody-elses"):
        (stage.settings.checkpoints.folder / name).mkdir()
    tidy(stage)
    assert {each.name for each in stage.settings.checkpoints.folder.iterdir()} == {"v1", "running", "somebody-elses"}


def test_running_jobs_keep_their_folder_and_labels_stay_in_few(stage):
    running = add_round(stage, "running", RoundState.RUNNING)
    numbers = [running, *range(running + 1, running + 70)]
    for number in numbers:
        folder = jobs.folder(stage.settings, number)
        folder.mkdir(parents=True)
        (folder / jobs.DATA).write_text("a text")
        (folder / jobs.UNLABELLED).write_text("another text")
        (folder / "log").write_text("said")
    tidy(stage)
    left = {int(each.name) for each in jobs.folder(stage.settings, 0).parent.iterdir()}
    assert left == {running, *numbers[-50:]}
    for name in (jobs.DATA, jobs.UNLABELLED):
        with_texts = {number for number in left if (jobs.folder(stage.settings, number) / name).exists()}
        assert with_texts == {running, *numbers[-3:]}


@pytest.fixture
def many(stage):
    """Five more generations than are kept, all but the last retired, each with its backfill."""
    stage.promote({"mood": "v1"})
    with stage.database.transaction() as tx:
        project = tx.get(Project, stage.project)
        for _ in range(retention.KEPT_GENERATIONS + 4):
            generation = generations.create(tx, project, "a test")
            generation.retired = True
            tx.add(Backfill(project_id=project.id, generation=generation.name, state="done"))
    return stage


def names(stage):
    with stage.database.session() as session:
        return list(session.scalars(select(Generation.name).order_by(Generation.id)))


def test_old_generations_go_with_their_backfills_and_names_are_never_used_twice(many):
    before = names(many)
    tidy(many)
    # the first was never retired: its suggestions may still stand in the tool
    assert names(many) == [before[0], *before[-retention.KEPT_GENERATIONS :]]
    with many.database.session() as session:
        assert set(session.scalars(select(Backfill.generation))) <= set(names(many))
    with many.database.transaction() as tx:
        made = generations.create(tx, tx.get(Project, many.project), "a test").name
    assert int(made.split("-")[2]) == len(before) + 1


def test_a_generation_that_is_served_stays(many):
    first = names(many)[1]
    with many.database.transaction() as tx:
        found = tx.scalars(select(Generation).filter_by(name=first)).one()
        tx.get(Project, many.project).generation_id = found.id
    tidy(many)
    assert first in names(many)


def test_what_was_shown_of_examples_that_are_long_gone_is_forgotten(stage):
    stage.label("mood", {"a": "good", "b": "bad"})
    long_ago = now() - datetime.timedelta(days=40)
    with stage.database.transaction() as tx:
        for key, gone, at in (("e0", True, long_ago), ("e1", False, long_ago)):
            tx.scalars(select(ExampleRow).filter_by(key=key)).one().gone = gone
            tx.add(Impression(project_id=stage.project, example_key=key, version="g", answers={}, shown_at=at))
        tx.add(Impression(project_id=stage.project, example_key="e0", version="h", answers={}, shown_at=now()))
    tidy(stage)
    with stage.database.session() as session:
        left = session.execute(select(Impression.example_key, Impression.version).order_by(Impression.id)).all()
    assert left == [("e1", "g"), ("e0", "h")]


def test_looking_costs_the_same_for_any_number_of_questions_and_locks_nothing(stage):
    stage.promote({"mood": "v0"})
    tidy(stage)
    with counted() as few:
        tidy(stage)
    for number in range(1, 20):
        project = stage.connect("mood", title=f"p{number}", reference=f"{number + 1}.99")
        stage.promote({"mood": f"v{number}"}, project)
    with counted() as lots:
        tidy(stage)
    assert len(told(lots)) == len(told(few)) <= 12
    assert all(each.startswith("SELECT") for each in told(lots))


def told(found):
    """Without what opens and closes: BEGIN IMMEDIATE would be a lock."""
    assert not [each for each in found.statements if "IMMEDIATE" in each]
    return [each for each in found.statements if each.split()[0] not in ("BEGIN", "PRAGMA", "COMMIT", "ROLLBACK")]

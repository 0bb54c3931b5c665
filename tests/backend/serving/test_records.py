"""Serving against a real database: what it reads, what it writes, and that a busy database stops nothing."""

import threading
import time

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from labelwheel.backend.app import create_app
from labelwheel.backend.database.tables import Event, Label, Project, ProjectState, QuestionRow, Round, Server, now
from labelwheel.backend.serving.records import ServingLedger
from labelwheel.backend.settings import Settings
from labelwheel.plugins.errors import UnknownProject
from labelwheel.training.questions import Example
from tests.backend.counting import counted
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import TOOL, Stage


@pytest.fixture
def stage(tmp_path):
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood", "tone")
    yield stage
    stage.database.dispose()


@pytest.fixture
def ledger(stage):
    return ServingLedger(stage.database, stage.settings, "host:9090")


def label(stage, question):
    with stage.database.transaction() as tx:
        common = {
            "project_id": stage.project, "question": question, "example_key": "1", "work_key": "1", "annotator": "a",
            "answer": "good", "made_at": now(),
        }  # fmt: skip
        event = Event(action="created", **common)
        tx.add(event)
        tx.flush()
        tx.add(Label(event_id=event.id, **common))


def test_what_is_wanted_is_the_present_generation(stage, ledger):
    assert ledger.wanted() == {}
    first = stage.promote({"mood": "v1"})
    wanted = ledger.wanted()[stage.project]
    assert (wanted.generation, wanted.tool, wanted.reference) == (first, TOOL, "1.99")
    assert wanted.members == {"mood": ("v1", "v1")}
    assert stage.settings.checkpoints.fetch("v1") == stage.settings.home.absolute() / "checkpoints" / "v1"
    assert list(wanted.questions) == ["mood", "tone"]
    second = stage.promote({"mood": "v2", "tone": "v3"})
    assert ledger.wanted()[stage.project].generation == second
    assert ledger.names(TOOL, "1.99") == [second, first]
    assert ledger.names(TOOL, None) == [second, first]
    with pytest.raises(UnknownProject):
        ledger.names(TOOL, "2.99")


def test_hints_reach_their_project_and_unknown_ones_are_forgotten(stage, ledger):
    ledger.write({(TOOL, "1.99"): None, (TOOL, "nobody's"): None, ("no tool", "1.99"): None})
    with stage.database.session() as session:
        assert session.get(Project, stage.project).hinted_at is not None


def test_the_train_button_asks_the_policy(stage, ledger):
    label(stage, "mood")
    assert set(ledger.train(TOOL, "1.99")) == {"mood", "tone"}
    with pytest.raises(UnknownProject):
        ledger.train(TOOL, "nobody's")
    with stage.database.session() as session:
        found = [row.recipe for row in session.query(Round)]
    assert found == ["names", "names"], "one label is not enough for another, whoever asks"


def test_the_web_process_follows_reports_and_takes_leave(stage):
    first = stage.promote({"mood": "v1"})
    service = create_app(stage.settings, FakeEngine()).extensions["labelwheel"]

    def served():
        with stage.database.session() as session:
            return [(row.name.split(":")[-1], dict(row.serving), row.memory_mb > 1) for row in session.query(Server)]

    def until(expected):
        deadline = time.monotonic() + 15
        while served() != expected:
            assert time.monotonic() < deadline, served()
            time.sleep(0.05)

    until([("9090", {str(stage.project): first}, True)])
    second = stage.promote({"mood": "v2"})
    until([("9090", {str(stage.project): second}, True)])
    assert service.host.version(TOOL, "1.99") == second
    service.host.hint(TOOL, "1.99")
    service.stop()
    service.stop()
    assert served() == []
    with stage.database.session() as session:
        assert session.get(Project, stage.project).hinted_at is not None


def test_a_locked_database_delays_neither_hints_nor_versions(stage):
    version = stage.promote({"mood": "v1"})
    app = create_app(stage.settings, FakeEngine())
    service, client = app.extensions["labelwheel"], app.test_client()
    assert service.served_models.ready.wait(15)
    locked, release = threading.Event(), threading.Event()

    def lock():
        with stage.database.transaction():
            locked.set()
            release.wait(30)

    thread = threading.Thread(target=lock)
    thread.start()
    locked.wait(10)
    try:
        slowest = 0.0
        for _ in range(20):
            started = time.perf_counter()
            body = {"action": "ANNOTATION_CREATED", "project": {"id": 1, "created_at": "1970-01-01T00:01:39Z"}}
            assert client.post("/webhook", json=body).status_code == 200
            assert client.get("/health").status_code == 200
            assert service.host.version(TOOL, "1.99") == version
            slowest = max(slowest, time.perf_counter() - started)
        assert slowest < 0.5
    finally:
        release.set()
        thread.join()
    service.stop()
    with stage.database.session() as session:
        assert session.get(Project, stage.project).hinted_at is not None


def test_looking_for_what_is_wanted_reads_no_more_than_what_changes_with_it(stage):
    stage.promote({"mood": "v1"})
    ledger = ServingLedger(stage.database, stage.settings, "test")
    first = ledger.wanted()
    with counted() as found:
        assert ledger.wanted() == first
    selects = [each for each in found.statements if each.startswith("SELECT")]
    assert len(selects) == 3
    assert not [each for each in selects if "generations.members" in each]
    generation = stage.promote({"mood": "v2"})
    assert ledger.wanted()[stage.project].generation == generation
    with stage.database.transaction() as tx:
        row = tx.scalars(select(QuestionRow).filter_by(name="mood")).one()
        row.spec = {**row.spec, "prompt": "What is it?"}
    assert ledger.wanted()[stage.project].questions["mood"].prompt == "What is it?"
    with stage.database.transaction() as tx:
        tx.get(Project, stage.project).state = ProjectState.DISCONNECTED
    assert ledger.wanted() == {}


def test_blind_examples_are_known_and_a_database_that_is_away_costs_no_suggestion(stage, monkeypatch, caplog):
    settings = stage.settings.model_copy(update={"blind": 0.2})
    ledger = ServingLedger(stage.database, settings, "test")
    examples = [
        Example(key=str(number), fields={"text": f"{chr(97 + number // 10) * 9} {chr(97 + number % 10) * 9}"})
        for number in range(100)
    ]
    blind = ledger.blind(stage.project, examples)
    assert 5 < len(blind) < 40
    assert ServingLedger(stage.database, stage.settings, "test").blind(stage.project, examples) == frozenset()
    for asked in (examples[:1], examples):
        with counted() as found:
            ledger.blind(stage.project, asked)
        assert len(found.statements) == 2, "each request waits for this: what is known, and where the others belong"

    def away():
        raise OperationalError("select", {}, Exception("nobody there"))

    monkeypatch.setattr(stage.database, "glance", away)
    assert ledger.blind(stage.project, examples) == frozenset()
    assert "the database does not answer" in caplog.text

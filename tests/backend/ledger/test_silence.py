"""Saying nothing about a question: "none of them" where it was asked by then, nothing at all before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Decision, QuestionRow, now
from labelwheel.backend.ledger import sweeps
from labelwheel.plugins.connector import Work
from labelwheel.plugins.testing.fake_tool import PLACES, TOPIC
from labelwheel.training.questions import Kind, Option, Question
from tests.backend.ledger.helpers import Ledger

TAGS = Question(name="tags", kind=Kind.CHOICES, inputs=("text",), options=(Option(value="a"), Option(value="b")))
BEFORE, AFTER = timedelta(hours=-1), timedelta(hours=1)


def submit(ledger: Ledger, example: str, when: timedelta | datetime, **answers: Any) -> Work:
    """Somebody submits answers to some questions, and says nothing about the others that are asked at that moment."""
    at = now() + when if isinstance(when, timedelta) else when
    silent = [one.name for one in ledger.tool.questions if one.kind != Kind.CHOICE and one.name not in answers]
    said = {**answers, **{name: [] for name in silent}}
    work = ledger.tool.submit(example, said, silent=tuple(silent))
    ledger.tool.work[work.key] = work = work.model_copy(update={"updated_at": at})
    return work


def read_anew(ledger: Ledger) -> None:
    """As the connectors do: what stands in the tool is read with what is asked now."""
    for key, work in ledger.tool.work.items():
        names = [one.name for one in ledger.tool.questions if one.kind != Kind.CHOICE]
        silent = tuple(name for name in names if name in work.silent or name not in work.answers)
        answers = {**dict.fromkeys(silent), **work.answers} | {name: [] for name in silent}
        ledger.tool.work[key] = work.model_copy(update={"answers": answers, "silent": silent})


def decisions(ledger: Ledger) -> list[tuple[str | None, str]]:
    with ledger.database.session() as session:
        rows = session.scalars(select(Decision).where(Decision.kind == "left open").order_by(Decision.id))
        return [(row.question, row.reason) for row in rows]


@pytest.fixture
def connect(database: Database) -> Callable[..., Ledger]:
    def connected(*questions: Question) -> Ledger:
        ledger = Ledger(database)
        ledger.tool.questions = questions
        ledger.tool.add("one", "two", "three", "four")
        with database.transaction() as tx:
            for row in tx.scalars(select(QuestionRow)).all():
                tx.delete(row)
            project = tx.merge(ledger.project)
            project.source = ""
        ledger.configure()
        return ledger

    return connected


def test_what_was_answered_before_a_question_was_there_is_left_open(connect: Callable[..., Ledger]) -> None:
    ledger = connect(TOPIC)
    for key in ("1", "2"):
        submit(ledger, key, BEFORE, topic="sport")
    ledger.poll()
    ledger.tool.questions = (TOPIC, PLACES, TAGS)
    assert ledger.configure()
    read_anew(ledger)
    submit(ledger, "3", AFTER, topic="sport", tags=["a"])
    ledger.poll()
    ledger.sweep()
    assert ledger.labels == {
        ("1/ann", "topic"): "sport",
        ("2/ann", "topic"): "sport",
        ("3/ann", "topic"): "sport",
        ("3/ann", "tags"): ["a"],
        ("3/ann", "places"): [],
    }
    assert ledger.facts == ledger.rebuilt
    assert [name for name, reason in decisions(ledger) if "was added" in reason] == ["places", "tags"]
    ledger.sweep()
    assert len(decisions(ledger)) == 2, "said once"


def test_submitting_again_says_none_of_them_once_the_question_is_there(connect: Callable[..., Ledger]) -> None:
    ledger = connect(TOPIC)
    submit(ledger, "1", BEFORE, topic="sport")
    ledger.poll()
    ledger.tool.questions = (TOPIC, TAGS)
    ledger.configure()
    submit(ledger, "1", AFTER, topic="sport")
    ledger.poll()
    assert ledger.labels == {("1/ann", "topic"): "sport", ("1/ann", "tags"): []}


def test_an_answer_from_before_we_noticed_shows_since_when_a_question_is_asked(connect: Callable[..., Ledger]) -> None:
    ledger = connect(TOPIC)
    began = now()
    submit(ledger, "1", began - timedelta(minutes=30), topic="sport")
    ledger.tool.questions = (TOPIC, TAGS)
    ledger.configure()
    read_anew(ledger)
    submit(ledger, "2", began - timedelta(minutes=10))
    ledger.poll()
    assert ledger.labels == {("1/ann", "topic"): "sport"}
    submit(ledger, "3", began - timedelta(minutes=20), tags=["b"])
    ledger.poll()
    ledger.sweep()
    assert ledger.labels == {("1/ann", "topic"): "sport", ("2/ann", "tags"): [], ("3/ann", "tags"): ["b"]}


def test_on_a_first_connection_silence_is_none_where_somebody_answered_and_open_where_nobody_did(
    connect: Callable[..., Ledger],
) -> None:
    ledger = connect(TOPIC, PLACES, TAGS)
    submit(ledger, "1", 3 * BEFORE, topic="sport")
    submit(ledger, "2", 2 * BEFORE, topic="sport", tags=["a"])
    ledger.poll()
    ledger.sweep()
    ledger.sweep()
    assert {key: answer for key, answer in ledger.labels.items() if key[1] != "topic"} == {
        ("1/ann", "tags"): [],
        ("2/ann", "tags"): ["a"],
    }
    ((name, reason),) = decisions(ledger)
    assert name == "places"
    assert "nobody has answered it" in reason
    submit(ledger, "3", AFTER)
    ledger.poll()
    assert ledger.labels[("3/ann", "places")] == [], "from now on it is known to be asked"


def test_silence_on_several_pages_is_read_anew_when_the_last_one_shows_that_it_was_asked(
    connect: Callable[..., Ledger],
) -> None:
    ledger = connect(TAGS)
    ledger.tool.page_size = 1
    for key in ("1", "2"):
        submit(ledger, key, BEFORE)
    submit(ledger, "3", BEFORE, tags=["a"])
    with ledger.database.transaction() as tx:
        tx.merge(ledger.project).sweep_number = ledger.project.sweep_wanted
    assert not sweeps.due(ledger.project, 0, 60)
    ledger.poll()
    assert sweeps.due(ledger.project, 0, 60), "a sweep is asked for"
    ledger.sweep()
    assert ledger.labels == {("1/ann", "tags"): [], ("2/ann", "tags"): [], ("3/ann", "tags"): ["a"]}
    assert decisions(ledger) == []


def test_what_was_said_while_a_question_was_asked_stays_when_it_goes_and_comes_back(
    connect: Callable[..., Ledger],
) -> None:
    ledger = connect(TOPIC, TAGS)
    submit(ledger, "1", BEFORE, tags=["a"])
    submit(ledger, "2", BEFORE)
    ledger.poll()
    assert ledger.labels[("2/ann", "tags")] == []
    ledger.tool.questions = (TOPIC,)
    ledger.configure()
    submit(ledger, "3", timedelta(0), topic="sport")
    ledger.poll()
    ledger.tool.questions = (TOPIC, TAGS)
    ledger.configure()
    read_anew(ledger)
    ledger.sweep()
    assert {key: answer for key, answer in ledger.labels.items() if key[1] == "tags"} == {
        ("1/ann", "tags"): ["a"],
        ("2/ann", "tags"): [],
    }


def test_a_question_that_becomes_another_kind_was_not_asked_before(connect: Callable[..., Ledger]) -> None:
    ledger = connect(TOPIC)
    submit(ledger, "1", BEFORE)
    ledger.poll()
    ledger.tool.questions = (TOPIC.model_copy(update={"kind": Kind.CHOICES}),)
    ledger.configure()
    read_anew(ledger)
    ledger.sweep()
    assert ledger.labels == {}

"""Intake: whatever happens in the tool and on the way, the ledger ends as the tool is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Decision, WorkRow
from labelwheel.backend.ledger import sweeps
from labelwheel.plugins.connector import Page
from labelwheel.plugins.testing.fake_tool import PLACES, TOPIC
from labelwheel.training.questions import Kind, Option, Question
from tests.backend.ledger.helpers import Ledger, truth


@pytest.fixture
def ledger(database: Database) -> Ledger:
    ledger = Ledger(database)
    ledger.tool.add("the match in Rome", "a vote in Paris", "nothing at all")
    return ledger


def test_labels_are_taken_with_who_when_and_what_they_started_from(ledger: Ledger) -> None:
    work = ledger.tool.submit(
        "1", {"topic": "sport"}, "ann", origins={"topic": "accepted"}, version="lw-1", lead_time=2.5
    )
    ledger.poll()
    facts = ("sport", "1", "ann", "accepted", "lw-1", work.updated_at, 2.5)
    assert ledger.facts[("1/ann", "topic")][:-1] == facts


def test_the_same_page_twice_writes_nothing(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "sport", "places": [{"start": 13, "end": 17, "label": "city"}]})
    page = ledger.tool.page(["1", "2"], "1")
    assert ledger.take(page) == (2, 2, 0)
    assert ledger.take(page) == (0, 0, 0)
    assert [event[0] for event in ledger.events] == ["created", "created"]


def test_edits_and_deletions_are_events_too(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "sport"})
    ledger.poll()
    ledger.tool.submit("1", {"topic": "politics"})
    ledger.poll()
    ledger.tool.delete("1/ann")
    ledger.sweep()
    assert [(event[0], event[3]) for event in ledger.events] == [
        ("created", "sport"),
        ("updated", "politics"),
        ("deleted", "politics"),
    ]
    assert ledger.labels == {}


def test_resubmitting_the_same_answer_is_no_event(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.tool.submit("1", {"topic": "sport"})
        ledger.poll()
    assert len(ledger.events) == 1


def test_a_late_page_changes_nothing_unless_it_is_the_whole_truth(ledger: Ledger) -> None:
    old = ledger.tool.submit("1", {"topic": "sport"})
    ledger.tool.submit("1", {"topic": "politics"})
    ledger.poll()
    ledger.take(Page(work=(old,), cursor="0"))
    assert ledger.labels == {("1/ann", "topic"): "politics"}
    ledger.take(Page(work=(old,), refreshed=("1",), cursor="0"))
    assert ledger.labels == {("1/ann", "topic"): "sport"}


def test_deleted_work_does_not_come_back_by_a_late_page(ledger: Ledger) -> None:
    work = ledger.tool.submit("1", {"topic": "sport"})
    ledger.poll()
    ledger.tool.delete(work.key)
    ledger.sweep()
    ledger.take(Page(work=(work,), cursor="0"))
    assert ledger.labels == {}
    again = ledger.tool.submit("1", {"topic": "politics"})
    ledger.take(Page(work=(again,), cursor="0"))
    assert ledger.labels == truth(ledger.tool)


def test_skipped_work_has_no_labels(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "sport"})
    ledger.poll()
    ledger.tool.submit("1", {"topic": "sport"}, skipped=True)
    ledger.poll()
    assert ledger.labels == {}
    ledger.tool.submit("1", {"topic": "sport"})
    ledger.poll()
    assert ledger.labels == {("1/ann", "topic"): "sport"}


def test_what_does_not_fit_is_counted_and_costs_nothing_else(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "weather", "places": [{"start": 13, "end": 17, "label": "city"}]})
    ledger.tool.submit("2", {"topic": "politics", "places": [{"start": 0, "end": 999, "label": "city"}]})
    ledger.poll()
    assert set(ledger.labels) == {("1/ann", "places"), ("2/ann", "topic")}
    with ledger.database.session() as session:
        rejected = {row.key: row.rejected for row in session.scalars(select(WorkRow))}
    assert "weather" in rejected["1/ann"][0]
    assert "outside of the text" in rejected["2/ann"][0]


def test_an_answer_left_open_is_no_longer_a_label(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "sport", "places": []})
    ledger.poll()
    assert ledger.labels == {("1/ann", "topic"): "sport", ("1/ann", "places"): []}
    ledger.tool.submit("1", {"topic": "sport"})
    ledger.poll()
    assert ledger.labels == {("1/ann", "topic"): "sport"}


def test_work_on_an_unknown_example_asks_for_a_sweep(ledger: Ledger) -> None:
    ledger.sweep()
    assert not sweeps.due(ledger.project, 0, 60)
    ledger.tool.add("a fourth")
    work = ledger.tool.submit("4", {"topic": "sport"})
    assert ledger.take(Page(work=(work,), cursor="9")).unknown == 1
    assert sweeps.due(ledger.project, 0, 60)
    ledger.sweep()
    assert not sweeps.due(ledger.project, 0, 60)
    assert ledger.labels == truth(ledger.tool)


def test_a_sweep_goes_on_after_a_restart_and_finds_what_is_gone(ledger: Ledger) -> None:
    ledger.tool.add("four", "five", "six", "seven")
    ledger.tool.submit("2", {"topic": "sport"})
    ledger.poll()
    ledger.tool.remove("2")
    ledger.sweep(pages=1)
    assert not ledger.examples["2"].gone
    ledger.sweep()
    assert [key for key, row in ledger.examples.items() if row.gone] == ["2"]
    assert ledger.labels == {}
    assert ledger.project.sweep_number == 1


def test_an_example_that_arrives_during_a_sweep_is_not_gone(ledger: Ledger) -> None:
    ledger.sweep(pages=1)
    ledger.sweep(pages=1)
    ledger.tool.examples.clear()  # whatever the rest of the sweep sees
    ledger.take(Page(examples=tuple(ledger.tool.examples.values()), cursor="1"))
    ledger.tool.add("late")
    ledger.poll()
    del ledger.tool.examples["4"]
    ledger.sweep()
    assert not ledger.examples["4"].gone
    ledger.sweep()
    assert ledger.examples["4"].gone


def test_an_example_that_comes_back_is_there_again(ledger: Ledger) -> None:
    ledger.sweep()
    example = ledger.tool.examples.pop("3")
    ledger.sweep()
    assert ledger.examples["3"].gone
    ledger.tool.examples["3"] = example
    ledger.sweep()
    assert not ledger.examples["3"].gone


def test_a_removed_option_keeps_its_labels_until_someone_edits(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "sport"})
    ledger.tool.submit("2", {"topic": "politics"})
    ledger.poll()
    smaller = Question(name="topic", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="politics"),))
    ledger.tool.questions = (smaller, PLACES)
    assert ledger.configure()
    ledger.sweep()
    assert ledger.labels == {("1/ann", "topic"): "sport", ("2/ann", "topic"): "politics"}
    ledger.tool.submit("1", {"topic": "weather"})
    ledger.poll()
    assert ledger.labels == {("2/ann", "topic"): "politics"}


def test_a_removed_question_keeps_its_labels(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "sport", "places": []})
    ledger.poll()
    ledger.tool.questions = (TOPIC,)
    ledger.configure()
    ledger.tool.submit("1", {"topic": "politics"})
    ledger.sweep()
    assert ledger.labels == {("1/ann", "topic"): "politics", ("1/ann", "places"): []}
    with ledger.database.session() as session:
        reasons = [row.reason for row in session.scalars(select(Decision))]
    assert reasons == ["question 'places' was removed; its labels are kept"]
    assert ledger.rebuilt == ledger.facts


def test_the_cursor_and_the_labels_are_stored_together(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.tool.submit("1", {"topic": "sport"})

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("labelwheel.backend.ledger.labelling.Labelling.finish", fail)
        with pytest.raises(KeyboardInterrupt):
            ledger.poll()
    assert (ledger.project.poll_cursor, ledger.examples, ledger.labels) == (None, {}, {})
    ledger.poll()
    assert ledger.labels == truth(ledger.tool)


def test_texts_of_any_kind_survive(ledger: Ledger) -> None:
    texts = ["", "nul \x00 byte", "lone \ud800 half", "👩‍👩‍👧 family", "x" * 100_000]
    keys = ledger.tool.add(*texts)
    ledger.tool.submit(keys[1], {"topic": "sport"}, annotator="ann\x00" + "x" * 300, key="odd")
    ledger.poll()
    assert [ledger.examples[key].fields["text"] for key in keys] == texts
    assert ledger.labels == {("odd", "topic"): "sport"}


def test_work_with_a_clock_that_went_back_is_healed_by_a_sweep(ledger: Ledger) -> None:
    work = ledger.tool.submit("1", {"topic": "sport"})
    ledger.poll()
    ledger.tool.work[work.key] = work.model_copy(
        update={"updated_at": work.updated_at - timedelta(days=1), "answers": {"topic": "politics"}}
    )
    ledger.sweep()
    assert ledger.labels == truth(ledger.tool)

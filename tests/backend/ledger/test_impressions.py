"""Which suggestion stood there at the time: for tools that do not say, the ledger does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Impression, Label
from labelwheel.backend.ledger import impressions
from labelwheel.plugins.testing.fake_tool import START
from tests.backend.ledger.helpers import Ledger


@pytest.fixture
def ledger(database: Database) -> Ledger:
    ledger = Ledger(database)
    ledger.tool.add("the match in Rome", "a vote in Paris")
    ledger.poll()
    return ledger


def note(ledger: Ledger, version: str, at: datetime, topic: str, key: str = "1") -> None:
    with ledger.database.transaction() as tx:
        impressions.note(tx, ledger.id, version, {key: {"topic": topic}}, at)


def origins(ledger: Ledger) -> dict[tuple[str, str], tuple[str, str | None]]:
    return {place: (facts[3], facts[4]) for place, facts in ledger.facts.items()}


def at(seconds: float) -> datetime:
    """A moment on the tool's clock, whose first submit comes after one second."""
    return START + timedelta(seconds=seconds)


def test_an_answer_gets_the_version_that_stood_there_when_it_was_given(ledger: Ledger) -> None:
    note(ledger, "lw-1", at(0.5), "sport")
    ledger.tool.submit("1", {"topic": "sport", "places": []}, "ann", origins={})
    ledger.tool.submit("1", {"topic": "politics"}, "bob", origins={})
    ledger.tool.submit("2", {"topic": "politics"}, "ann", origins={})
    note(ledger, "lw-2", at(3.5), "politics")  # before the ledger learns of any of them
    ledger.tool.submit("1", {"topic": "politics"}, "cleo", origins={})
    ledger.poll()
    assert origins(ledger) == {
        ("1/ann", "topic"): ("accepted", "lw-1"),
        ("1/ann", "places"): ("made", "lw-1"),  # nothing was suggested for it
        ("1/bob", "topic"): ("changed", "lw-1"),
        ("1/cleo", "topic"): ("accepted", "lw-2"),
        ("2/ann", "topic"): ("made", None),
    }


def test_what_is_shown_later_changes_nothing_about_an_answer_that_stays(ledger: Ledger) -> None:
    note(ledger, "lw-1", at(0.5), "sport")
    ledger.tool.submit("1", {"topic": "sport"}, origins={})
    ledger.poll()
    for number in range(2, 9):  # so many that the first is not remembered any more
        note(ledger, f"lw-{number}", at(1.0 + number / 10), "politics")
    ledger.sweep()
    ledger.tool.submit("1", {"topic": "sport", "places": []}, origins={})
    ledger.poll()
    assert origins(ledger)["1/ann", "topic"] == ("accepted", "lw-1")
    assert [event[:3] for event in ledger.events] == [("created", "1/ann", "topic"), ("created", "1/ann", "places")]
    with ledger.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Impression)) == impressions.KEPT


def test_the_same_version_once_more_keeps_its_first_moment(ledger: Ledger) -> None:
    note(ledger, "lw-1", at(0.5), "politics")
    note(ledger, "lw-1", at(5), "sport")  # a backfill that was begun anew
    ledger.tool.submit("1", {"topic": "sport"}, origins={})
    ledger.poll()
    assert origins(ledger)["1/ann", "topic"] == ("accepted", "lw-1")


def test_the_same_version_once_more_is_as_sure_as_it_is_now(ledger: Ledger) -> None:
    for score in (0.25, 0.75):
        with ledger.database.transaction() as tx:
            said = {"1": {"topic": "sport"}, "2": {"topic": "politics"}}
            impressions.note(tx, ledger.id, "lw-1", said, at(0.5), {"1": {"topic": score}})
    with ledger.database.session() as session:
        rows = session.execute(select(Impression.example_key, Impression.scores).order_by(Impression.example_key))
        assert [tuple(row) for row in rows] == [("1", {"topic": 0.75}), ("2", {})]


def test_a_tool_that_traces_is_believed(ledger: Ledger) -> None:
    note(ledger, "lw-1", at(0.5), "sport")
    ledger.tool.submit("1", {"topic": "sport"}, origins={"topic": "changed"}, version="lw-0")
    ledger.poll()
    assert origins(ledger)["1/ann", "topic"] == ("changed", "lw-0")


def test_white_space_that_was_dragged_along_is_no_change_and_stays_in_the_ledger(ledger: Ledger) -> None:
    shown_span, marked = {"start": 13, "end": 17, "label": "city"}, {"start": 12, "end": 17, "label": "city"}
    with ledger.database.transaction() as tx:
        impressions.note(tx, ledger.id, "lw-1", {"1": {"places": [shown_span]}}, at(0.5))
    ledger.tool.submit("1", {"places": [marked]}, "ann", origins={})
    ledger.tool.submit("1", {"places": [{**marked, "end": 16}]}, "bob", origins={})
    ledger.poll()
    assert origins(ledger) == {("1/ann", "places"): ("accepted", "lw-1"), ("1/bob", "places"): ("changed", "lw-1")}
    assert ledger.labels["1/ann", "places"] == [marked]


def kept(ledger: Ledger) -> dict[tuple[str, str], Any]:
    """What labels say that was suggested to whoever gave them."""
    with ledger.database.session() as session:
        rows = session.scalars(select(Label).where(Label.project_id == ledger.id))
        return {(row.work_key, row.question): row.suggested for row in rows}


def test_labels_keep_what_was_suggested_where_the_ledger_traces(ledger: Ledger) -> None:
    note(ledger, "lw-1", at(0.5), "sport")
    ledger.tool.submit("1", {"topic": "politics", "places": []}, origins={})
    ledger.tool.submit("2", {"topic": "politics"}, origins={})
    ledger.poll()
    for number in range(2, 9):  # what was shown is forgotten meanwhile, but for the label
        note(ledger, f"lw-{number}", at(1.0 + number / 10), "politics")
    expected = {("1/ann", "topic"): "sport", ("1/ann", "places"): None, ("2/ann", "topic"): None}
    assert kept(ledger) == expected
    assert ledger.rebuilt
    assert kept(ledger) == expected


def test_a_label_that_was_begun_without_a_suggestion_stays_so_when_it_is_changed(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "sport"}, origins={})
    ledger.poll()
    note(ledger, "lw-1", at(1.5), "politics")  # for the next one who is to answer
    ledger.tool.submit("1", {"topic": "politics"}, origins={})
    ledger.tool.submit("1", {"topic": "politics"}, "bob", origins={})
    ledger.poll()
    assert origins(ledger) == {("1/ann", "topic"): ("made", None), ("1/bob", "topic"): ("accepted", "lw-1")}


def test_a_label_that_is_changed_is_compared_with_what_it_started_from(ledger: Ledger) -> None:
    note(ledger, "lw-1", at(0.5), "sport")
    ledger.tool.submit("1", {"topic": "sport"}, origins={})
    ledger.poll()
    note(ledger, "lw-2", at(1.5), "politics")
    ledger.tool.submit("1", {"topic": "politics"}, origins={})
    ledger.poll()
    assert origins(ledger)["1/ann", "topic"] == ("changed", "lw-1")
    assert kept(ledger)["1/ann", "topic"] == "sport"


def test_a_tool_that_traces_may_forget_and_the_ledger_does_not(ledger: Ledger) -> None:
    """When a version is retired its predictions go from labelled tasks, too, and the tool goes by what is left."""
    shown = {"topic": "sport", "places": [{"start": 13, "end": 17, "label": "city"}]}
    answers = {"topic": "sport", "places": []}
    told = {"topic": "accepted", "places": "changed"}
    ledger.tool.submit("1", answers, origins=told, version="lw-1", suggested=shown)
    ledger.poll()
    before = ledger.facts, ledger.events
    work = ledger.tool.work["1/ann"]
    for version in ("lw-1", None):  # as marks of regions still name it, or nothing does
        left = {"topic": "accepted", "places": "made"}
        ledger.tool.work["1/ann"] = work.model_copy(update={"origins": left, "version": version, "suggested": {}})
        ledger.sweep()
        assert (ledger.facts, ledger.events) == before
    assert kept(ledger) == {("1/ann", name): answer for name, answer in shown.items()}
    ledger.tool.submit("1", {"topic": "politics", "places": shown["places"]}, origins=left, version=None)
    ledger.poll()
    assert origins(ledger) == {("1/ann", "topic"): ("changed", "lw-1"), ("1/ann", "places"): ("accepted", "lw-1")}


def test_labels_of_before_learn_what_was_suggested_without_an_event(ledger: Ledger) -> None:
    ledger.tool.submit("1", {"topic": "sport"}, origins={"topic": "changed"}, version="lw-1")
    ledger.poll()
    events = ledger.events
    work = ledger.tool.work["1/ann"]
    ledger.tool.work["1/ann"] = work.model_copy(update={"suggested": {"topic": "politics"}})
    ledger.sweep()
    assert (ledger.events, kept(ledger)) == (events, {("1/ann", "topic"): "politics"})


def test_what_could_not_be_shown_is_not_taken_for_shown(ledger: Ledger) -> None:
    note(ledger, "lw-1", at(0.1), "sport")
    note(ledger, "lw-2", at(0.5), "politics")
    note(ledger, "lw-1", at(0.5), "sport")
    with ledger.database.transaction() as tx:
        impressions.withdraw(tx, ledger.id, "lw-2", ["1"], at(0.5))
        impressions.withdraw(tx, ledger.id, "lw-1", ["1"], at(0.5))  # had been shown before
    ledger.tool.submit("1", {"topic": "sport"}, origins={})
    ledger.poll()
    assert origins(ledger)["1/ann", "topic"] == ("accepted", "lw-1")

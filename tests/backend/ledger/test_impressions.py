"""Which suggestion stood there at the time: for tools that do not say, the ledger does."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Impression
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

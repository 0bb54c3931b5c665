"""Blind examples: drawn for life among what is held out, and the ledger knows which labels are no echo."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Event, Label
from labelwheel.backend.ledger import blind_share, impressions, intake
from labelwheel.plugins.connector import Page
from labelwheel.plugins.testing.fake_tool import START
from labelwheel.training.evaluation.splits import HELD_OUT_SHARE
from labelwheel.training.questions import Example
from tests.backend.ledger.helpers import Ledger

SHARE = 0.1


class Blind(Ledger):
    """What comes is taken in as with the share of the settings."""

    share = SHARE

    def take(self, page: Page, sweeping: bool = False, fetched: bool = False) -> intake.Taken:
        with self.database.session() as session:
            prepared = intake.prepare(session, self.id, page)
        with self.database.transaction() as tx:
            return intake.take(tx, self.id, prepared, sweeping, fetched, self.share)

    def blind(self, share: float | None = None) -> list[str]:
        """The keys of the blind examples."""
        return [key for key, row in self.examples.items() if blind_share.is_blind(row, share or self.share)]

    def seen(self) -> list[str]:
        blind = set(self.blind())
        return [key for key in self.examples if key not in blind]

    def flags(self) -> dict[str, bool]:
        with self.database.session() as session:
            return {label.work_key: label.blind for label in session.scalars(select(Label))}


def texts(count: int) -> list[str]:
    """No two of them are near-duplicates."""
    digests = (hashlib.sha256(str(number).encode()).digest() for number in range(count))
    return [" ".join(chr(97 + byte % 26) * 2 for byte in digest) for digest in digests]


@pytest.fixture
def ledger(database: Database) -> Blind:
    ledger = Blind(database)
    ledger.tool.page_size = 500
    ledger.tool.add(*texts(400))
    ledger.poll()
    return ledger


def test_the_share_is_of_all_examples_and_on_the_held_out_side(ledger: Blind) -> None:
    rows = ledger.examples
    assert 20 <= len(ledger.blind()) <= 60, "about a tenth of 400"
    assert {rows[key].part for key in ledger.blind()} == {"held_out"}
    held_out = {key for key, row in rows.items() if row.part == "held_out"}
    assert set(ledger.blind(HELD_OUT_SHARE)) == held_out, "the largest share there can be is all that is held out"
    assert set(ledger.blind(0.05)) < set(ledger.blind()) < held_out, "always the same ones first"


def test_one_that_is_blind_stays_so_however_its_text_and_its_group_change(ledger: Blind) -> None:
    before = set(ledger.blind())
    for key in sorted(before)[:5]:
        ledger.tool.edit(key, f"quite another text about something else, {key}")
    ledger.tool.add(*(f"one text of a template, number {number} again" for number in range(30)))
    ledger.poll()
    assert before <= set(ledger.blind())


def test_what_is_asked_about_before_it_is_taken_in_is_judged_as_it_will_be(database: Database) -> None:
    ledger = Blind(database)
    ledger.tool.page_size = 500
    ledger.tool.add("the first text of all")
    ledger.poll()
    keys = ledger.tool.add(*texts(200))
    examples = [ledger.tool.examples[key] for key in keys]
    with database.session() as session:
        early = blind_share.among(session.connection(), ledger.id, examples, SHARE)
    ledger.poll()
    assert early == set(ledger.blind())
    with database.session() as session:
        assert blind_share.among(session.connection(), ledger.id, examples, SHARE) == early
        assert blind_share.among(session.connection(), ledger.id, examples, 0.0) == frozenset()


def test_a_copy_of_a_blind_text_is_blind_under_another_key(ledger: Blind) -> None:
    key = ledger.blind()[0]
    copy = Example(key="another", fields=ledger.tool.examples[key].fields)
    with ledger.database.session() as session:
        assert blind_share.among(session.connection(), ledger.id, [copy], SHARE) == {"another"}
    (new,) = ledger.tool.add(copy.fields["text"])
    ledger.poll()
    assert new in ledger.blind()


def test_a_label_is_blind_where_nothing_was_shown_when_it_was_given(ledger: Blind) -> None:
    (blind, traced, *_), (open_, *_) = ledger.blind(), ledger.seen()
    ledger.tool.submit(blind, {"topic": "sport"})
    ledger.tool.submit(traced, {"topic": "sport"}, version="lw-1", origins={"topic": "accepted"})
    ledger.tool.submit(open_, {"topic": "sport"})
    ledger.poll()
    expected = {f"{blind}/ann": True, f"{traced}/ann": False, f"{open_}/ann": False}
    assert ledger.flags() == expected
    assert ledger.rebuilt
    assert ledger.flags() == expected, "the events know it, too"


def test_a_changed_share_says_nothing_of_labels_that_were_given_before(ledger: Blind) -> None:
    blind, other = ledger.blind()[0], next(key for key in ledger.blind(HELD_OUT_SHARE) if key not in ledger.blind())
    for key in (blind, other):
        ledger.tool.submit(key, {"topic": "sport"})
    ledger.poll()
    ledger.share = HELD_OUT_SHARE
    ledger.sweep()
    assert ledger.flags() == {f"{blind}/ann": True, f"{other}/ann": False}
    ledger.tool.submit(other, {"topic": "politics"})
    ledger.poll()
    assert not ledger.flags()[f"{other}/ann"], "whoever has seen a suggestion once has seen it"
    ledger.share = 0.0
    ledger.tool.submit(blind, {"topic": "politics"})
    ledger.poll()
    assert not ledger.flags()[f"{blind}/ann"], "a suggestion was shown by then"
    with ledger.database.session() as session:
        assert [event.blind for event in session.scalars(select(Event).order_by(Event.id))] == [
            True,
            False,
            False,
            False,
        ]


def test_where_the_ledger_traces_what_is_shown_nothing_is_nothing(ledger: Blind) -> None:
    blind, was_shown = ledger.blind()[:2]
    with ledger.database.transaction() as tx:
        impressions.note(tx, ledger.id, "lw-1", {was_shown: {"topic": "sport"}}, START)
        impressions.note(tx, ledger.id, impressions.NONE, {was_shown: {}}, START.replace(year=START.year + 1))
    for key in (blind, was_shown):
        ledger.tool.submit(key, {"topic": "sport"}, origins={})
    ledger.poll()
    assert ledger.flags() == {f"{blind}/ann": True, f"{was_shown}/ann": False}, "it stood there when it was answered"

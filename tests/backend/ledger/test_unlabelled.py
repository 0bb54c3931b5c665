"""Which unlabelled texts are handed over: none that a model is measured on, none that a label says something about."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest
from sqlalchemy import select, update

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import ExampleRow, QuestionRow
from labelwheel.backend.ledger import unlabelled
from labelwheel.plugins.testing.fake_tool import Tool
from labelwheel.training.spec import Part
from tests.backend.ledger.helpers import Ledger

LETTERS = str.maketrans("0123456789", "ghijklmnop")


def text(number: int) -> str:
    """One that nothing is like."""
    return " ".join(hashlib.sha256(f"{number} {word}".encode()).hexdigest()[:9] for word in "abcde").translate(LETTERS)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    found = Ledger(database, Tool(page_size=100))
    found.tool.add(*(text(number) for number in range(1, 81)))
    found.poll()
    return found


def drawn(ledger: Ledger, most: int = 1000, seed: int = 0, question: str = "topic") -> list[str]:
    with ledger.database.session() as session:
        query = select(QuestionRow).where(QuestionRow.project_id == ledger.id, QuestionRow.name == question)
        return [each.row.key for each in unlabelled.draw(session, [session.scalars(query).one()], most, seed)]


def keys(ledger: Ledger, part: Part) -> list[str]:
    return [key for key, row in ledger.examples.items() if row.part == part]


def test_what_is_held_out_or_set_apart_is_never_among_them(ledger: Ledger) -> None:
    train = keys(ledger, Part.TRAIN)
    with ledger.database.transaction() as tx:
        apart = update(ExampleRow).where(ExampleRow.project_id == ledger.id, ExampleRow.key == train[0])
        tx.execute(apart.values(part=Part.APART))
    assert keys(ledger, Part.HELD_OUT)
    for seed in range(3):
        assert sorted(drawn(ledger, seed=seed)) == sorted(train[1:])


def test_neither_what_is_labelled_nor_what_is_like_it(ledger: Ledger) -> None:
    train = keys(ledger, Part.TRAIN)
    chosen = ledger.examples[train[0]].fields["text"]
    copy, *_ = ledger.tool.add(f"{chosen.upper()}!")
    ledger.poll()
    assert len({train[0], copy} & set(drawn(ledger))) == 1, "near-duplicates stand for each other"
    ledger.tool.submit(train[0], {"topic": "sport"})
    ledger.poll()
    assert not {train[0], copy} & set(drawn(ledger))
    assert train[0] in drawn(ledger, question="places"), "a label to another question is none to this one"


def test_what_is_gone_is_not_there(ledger: Ledger) -> None:
    gone = drawn(ledger)[0]
    ledger.tool.remove(gone)
    ledger.sweep()
    assert gone not in drawn(ledger)


def test_they_are_by_chance_and_the_same_for_one_seed(ledger: Ledger) -> None:
    train = keys(ledger, Part.TRAIN)
    assert drawn(ledger, 10) == drawn(ledger, 10) == drawn(ledger)[:10]
    seen = Counter(key for seed in range(100) for key in drawn(ledger, 10, seed))
    assert set(seen) == set(train)
    assert max(seen.values()) < 5 * 100 * 10 / len(train)


def test_of_many_each_so_manieth_is_looked_at(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabelled, "SCANNED", 20)
    pieces = [set(drawn(ledger, seed=seed)) for seed in range(5)]
    assert all(len(piece) < 30 for piece in pieces)
    assert set().union(*pieces) == set(keys(ledger, Part.TRAIN))

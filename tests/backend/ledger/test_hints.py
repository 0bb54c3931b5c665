"""What hints leave in a project's row, and what answers them."""

from __future__ import annotations

import pytest

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Project, now
from labelwheel.backend.ledger import hints
from tests.backend.ledger.helpers import Ledger


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def hint(ledger: Ledger, *keys: str) -> None:
    with ledger.database.transaction() as tx:
        assert hints.hint(tx, "fake", ledger.project.reference or "", hints.bounded(keys))


def told(ledger: Ledger) -> tuple[bool, set[str]]:
    """Whether a hint waits, and for which examples; for none: for a poll."""
    return hints.waiting(ledger.project), set(hints.keys(ledger.project))


def fetched(ledger: Ledger, known: dict[str, str]) -> None:
    with ledger.database.transaction() as tx:
        hints.answer_fetch(tx, ledger.id, known)


def polled(ledger: Ledger, before: Project) -> None:
    with ledger.database.transaction() as tx:
        hints.answer_poll(tx, ledger.id, now(), before.hinted_at, hints.keys(before))


def test_keys_add_up_until_they_are_looked_at(ledger: Ledger) -> None:
    assert told(ledger) == (False, set())
    hint(ledger, "1", "2")
    hint(ledger, "2", "3")
    assert told(ledger) == (True, {"1", "2", "3"})
    fetched(ledger, hints.keys(ledger.project))
    assert told(ledger) == (False, set())
    hint(ledger, "4")
    assert told(ledger) == (True, {"4"})


def test_what_is_hinted_at_while_somebody_looks_still_waits(ledger: Ledger) -> None:
    hint(ledger, "1", "2")
    known = hints.keys(ledger.project)
    hint(ledger, "2", "3")
    fetched(ledger, known)
    assert told(ledger) == (True, {"2", "3"})
    before = ledger.project
    hint(ledger, "3", "4")
    polled(ledger, before)
    assert told(ledger) == (True, {"3", "4"})
    polled(ledger, ledger.project)
    assert told(ledger) == (False, set())


def test_a_hint_without_keys_asks_for_a_poll_whatever_else_is_hinted(ledger: Ledger) -> None:
    hint(ledger, "1")
    known = hints.keys(ledger.project)
    hint(ledger)
    hint(ledger, "2")
    assert told(ledger) == (True, set())
    fetched(ledger, known)
    assert told(ledger) == (True, set()), "no look at single examples answers it"
    before = ledger.project
    hint(ledger, "3")
    polled(ledger, before)
    assert told(ledger) == (True, set()), "the poll may have passed what came after"
    polled(ledger, ledger.project)
    assert told(ledger) == (False, set())


def test_a_hint_of_before_asks_for_a_poll(ledger: Ledger) -> None:
    with ledger.database.transaction() as tx:
        tx.get_one(Project, ledger.id).hinted_at = now()
    hint(ledger, "1")
    assert told(ledger) == (True, set())


def test_many_keys_are_a_poll(ledger: Ledger) -> None:
    for number in range(hints.MOST_KEYS):
        hint(ledger, str(number))
    assert len(told(ledger)[1]) == hints.MOST_KEYS
    hint(ledger, "5")
    assert len(told(ledger)[1]) == hints.MOST_KEYS
    hint(ledger, "one more")
    assert told(ledger) == (True, set())


@pytest.mark.parametrize("key", ["", "\0", "\ud800", "x" * 256, "a\0b"])
def test_a_key_that_no_example_can_have_is_a_poll(ledger: Ledger, key: str) -> None:
    hint(ledger, "1", key)
    assert told(ledger) == (True, set())
    assert hints.bounded(["x"] * 101) is None

"""The split for life: near-duplicates share a side, an edited text stays or is set apart, nothing comes back."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from backend.database import Database
from backend.ledger.tables import Band, Placed
from tests.backend.ledger.helpers import Ledger
from training.evaluation.splits import side, signature


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


def text_of(part: str, start: str) -> str:
    """A text that is new and falls on one side."""
    texts = (
        f"{start} {word} {word[::-1]}"
        for word in ("".join(chr(97 + (n * k) % 26) for k in range(9)) for n in range(1, 99))
    )
    return next(text for text in texts if side(signature(text).key, salt="fake/1") == part)


def test_near_duplicates_share_group_and_side_across_pages(ledger: Ledger) -> None:
    ledger.tool.add("Where is my parcel? It should have come on Monday.", "Something else entirely, about a card.")
    ledger.poll()
    ledger.tool.add(
        "where is my parcel it should have come on monday", "WHERE IS MY PARCEL? It should have come on Monday!!"
    )
    ledger.poll()
    rows = ledger.examples
    assert rows["1"].group == rows["3"].group == rows["4"].group != rows["2"].group
    assert rows["1"].part == rows["3"].part == rows["4"].part


def test_an_edited_text_stays_on_its_side(ledger: Ledger) -> None:
    train, held_out = text_of("train", "first"), text_of("held_out", "second")
    ledger.tool.add(train)
    ledger.poll()
    ledger.tool.edit("1", held_out)
    ledger.poll()
    assert ledger.examples["1"].part == "train"
    ledger.tool.add(held_out)  # a copy follows the text that is there, whatever its own hash says
    ledger.poll()
    assert ledger.examples["2"].part == "train"


def test_a_text_edited_into_the_other_side_is_set_apart(ledger: Ledger) -> None:
    train, held_out = text_of("train", "first"), text_of("held_out", "second")
    ledger.tool.add(train, held_out)
    ledger.poll()
    assert [row.part for row in ledger.examples.values()] == ["train", "held_out"]
    ledger.tool.edit("1", held_out + "!")
    ledger.poll()
    assert [row.part for row in ledger.examples.values()] == ["apart", "held_out"]
    ledger.tool.edit("1", train)
    ledger.poll()
    assert ledger.examples["1"].part == "apart"


def test_a_copy_of_a_text_that_is_gone_is_on_its_side(ledger: Ledger) -> None:
    held_out = text_of("held_out", "second")
    ledger.tool.add(text_of("train", "first"))
    ledger.poll()
    ledger.tool.edit("1", held_out)
    ledger.poll()
    ledger.tool.remove("1")
    ledger.sweep()
    ledger.tool.add(held_out)
    ledger.poll()
    assert ledger.examples["2"].part == "train"


def test_ten_thousand_equal_texts_cost_one_place(ledger: Ledger) -> None:
    ledger.tool.page_size = 50
    ledger.tool.add(*["ok"] * 200)
    ledger.poll()
    with ledger.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Placed)) == 1
        assert session.scalar(select(func.count()).select_from(Band)) == 16

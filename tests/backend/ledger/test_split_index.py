"""The split for life: near-duplicates share a side, an edited text stays or is set apart, nothing comes back."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Band, Decision, PlacedText
from labelwheel.backend.ledger import intake
from labelwheel.plugins.connector import Page
from labelwheel.training.evaluation.splits import side, signature
from labelwheel.training.questions import Example
from tests.backend.counting import counted
from tests.backend.ledger.helpers import Ledger


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
        assert session.scalar(select(func.count()).select_from(PlacedText)) == 1
        assert session.scalar(select(func.count()).select_from(Band)) == 10


def lines(count: int, start: int = 0) -> list[str]:
    return [f"Payment of {17 * n}.{n % 100:02} received on account {n**3}" for n in range(start, start + count)]


def test_lines_of_one_template_are_cut_with_a_line_in_the_log(ledger: Ledger) -> None:
    ledger.tool.page_size = 7
    ledger.tool.add(*(f"{n * 7919:x} {n**5:x} {n**7:x}" for n in range(1, 9)))
    ledger.tool.add(*lines(8))
    ledger.poll()
    before = {key: row.part for key, row in ledger.examples.items()}
    assert len({ledger.examples[str(n)].group for n in range(9, 17)}) == 1
    ledger.tool.add(*lines(180, 8))
    ledger.poll()
    rows = ledger.examples
    assert {key: rows[key].part for key in before} == before
    assert len({row.group for row in rows.values()}) == len(rows)
    parts = [rows[str(n)].part for n in range(17, 197)]
    assert 0.1 < parts.count("held_out") / len(parts) < 0.3
    assert parts.count("apart") == 0
    with ledger.database.session() as session:
        found = session.scalars(select(Decision).where(Decision.kind == "cut")).one()
        stored = session.execute(select(PlacedText.key, PlacedText.group, PlacedText.part)).all()
    assert "alike but for numbers" in found.reason
    assert {(group, part) for _, group, part in stored} == {(row.group, row.part) for row in rows.values()}
    ledger.tool.add(*(line.upper() for line in lines(188)))  # copies go where the first one is
    ledger.poll()
    for n in range(9, 197):
        mine, copy = rows[str(n)], ledger.examples[str(n + 188)]
        assert (mine.group, mine.part) == (copy.group, copy.part)


def test_a_page_looks_nothing_up_in_its_transaction_that_grows_with_the_texts(ledger: Ledger) -> None:
    """The same number of rows is read for a page of templated texts however many there are already."""
    ledger.tool.page_size = 100
    read: list[tuple[int, int]] = []
    for _ in range(5):
        start = len(ledger.tool.examples)
        ledger.tool.add(*lines(50, start), *(f"{n**7:x} {n**9:x} {n**5:x} {n**3:x}" for n in range(start, start + 50)))
        for page in ledger.connector.poll(ledger.project.poll_cursor):
            with ledger.database.session() as session:
                prepared = intake.prepare(session, ledger.id, page)
            with counted() as found, ledger.database.transaction() as tx:
                intake.take(tx, ledger.id, prepared)
            read.append((len(found.statements), found.rows))
    assert max(read[2:]) <= (read[1][0] + 2, read[1][1] + 20)


def test_a_page_that_was_looked_up_before_another_one_still_finds_it(ledger: Ledger) -> None:
    """Two projects of one pool, or two pages: what came in between is compared with."""
    one = "the delivery came late and the box was damaged, I want my money back today"
    ledger.tool.add("something that is first of all")
    ledger.poll()
    ledger.tool.add(one)
    (page,) = ledger.connector.poll(ledger.project.poll_cursor)
    with ledger.database.session() as session:
        early = intake.prepare(session, ledger.id, page)
    ledger.tool.examples["9"] = Example(key="9", fields={"text": f"{one} now"})
    ledger.take(Page(examples=(ledger.tool.examples["9"],), cursor="5"))
    with ledger.database.transaction() as tx:
        intake.take(tx, ledger.id, early)
    assert ledger.examples["2"].group == ledger.examples["9"].group

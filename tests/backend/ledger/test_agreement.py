"""What several annotators agreed on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.rounds import data
from labelwheel.backend.views import counts
from labelwheel.training.kinds.agreement import Vote, agree
from labelwheel.training.questions import Kind
from tests.backend.ledger.helpers import Ledger


def votes(*answers: Any, annotators: str = "abcdefgh") -> list[Vote]:
    return [Vote(annotators[n], answer, datetime(2026, 1, 1 + n, tzinfo=UTC)) for n, answer in enumerate(answers)]


def span(start: int, end: int) -> dict[str, Any]:
    return {"start": start, "end": end, "label": "city"}


@pytest.mark.parametrize(
    ("kind", "answers", "agreed"),
    [
        (Kind.CHOICE, ["x"], "x"),
        (Kind.CHOICE, ["x", "y", "x"], "x"),
        (Kind.CHOICE, ["y", "x"], "x"),  # a tie: who answered last
        (Kind.CHOICE, ["x", "x", "y", "y", "z"], "y"),
        (Kind.CHOICES, [["a", "b"], ["b"], ["b", "c"]], ["b"]),
        (Kind.CHOICES, [["a"], ["b"]], ["b"]),
        (Kind.CHOICES, [["a"], []], []),
        (Kind.SPANS, [[span(0, 4), span(8, 9)], [span(0, 4)], [span(0, 5)]], [span(0, 4)]),
        (Kind.TAXONOMY, [[["A", "B"]], [["A", "B"], ["C"]]], [["A", "B"], ["C"]]),
        (Kind.NUMBER, [1.0, 10.0, 2.0], 2.0),
        (Kind.NUMBER, [1.0, 2.0], 1.5),
        (Kind.RATING, [1, 5, 2], 2),
        (Kind.RATING, [5, 1], 1),
        (Kind.RATING, [1, 5], 5),
        (Kind.PAIRWISE, ["left", "right", "left"], "left"),
    ],
)
def test_agreement(kind: Kind, answers: list[Any], agreed: Any) -> None:
    assert agree(kind, votes(*answers)).answer == agreed


def test_each_annotator_counts_once_with_the_latest_answer() -> None:
    found = agree(Kind.CHOICE, votes("x", "x", "y", "x", "y", annotators="aabac"))
    assert found == ("y", False)
    assert agree(Kind.CHOICE, votes("y", "x", annotators="aa")) == ("x", True)


def test_annotators_who_differ_in_white_space_alone_agree(database: Database) -> None:
    ledger = Ledger(database)
    ledger.tool.add("the match in Rome today", "a vote in Paris")
    marked = {"ann": (13, 17), "bob": (12, 17), "cleo": (13, 18)}
    for annotator, edges in marked.items():
        ledger.tool.submit("1", {"places": [span(*edges)]}, annotator)
    ledger.tool.submit("2", {"places": [span(10, 15)]}, "ann")
    ledger.tool.submit("2", {"places": [span(2, 6)]}, "bob")
    ledger.poll()
    with database.session() as session:
        query = select(QuestionRow).where(QuestionRow.project_id == ledger.id, QuestionRow.name == "places")
        question = session.scalars(query).one()
        rows = {row.example.key: row.answer for row in data.labelled(session, question)}
        assert rows["1"] == [span(13, 17)]
        assert counts.labels(session, question)["disagreement"] == 1
    assert {key[0]: answer for key, answer in ledger.labels.items()}["1/bob"] == [span(12, 17)]

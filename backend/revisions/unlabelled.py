"""Texts of a project that nobody has labelled, by chance: what they have in common, and what guesses are made on."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow, Label, QuestionRow
from labelwheel.backend.ledger.lots import lot
from labelwheel.training.questions import Example
from labelwheel.training.spec import Part

MOST = 1_500
_SCANNED = 20_000


def draw(session: Session, question: QuestionRow) -> list[Example]:
    """At most so many, in an order that says nothing about them; of the training side alone."""
    label = exists().where(
        Label.project_id == ExampleRow.project_id, Label.example_key == ExampleRow.key, Label.question == question.name
    )
    query = select(ExampleRow.id, ExampleRow.key).where(
        ExampleRow.project_id == question.project_id,
        ExampleRow.gone.is_(False),
        ExampleRow.part == Part.TRAIN,
        ~label,
    )
    found = [(lot(f"unlabelled {key}"), number) for number, key in session.execute(query.limit(_SCANNED))]
    chosen = [number for _, number in sorted(found)[:MOST]]
    rows: dict[int, ExampleRow] = {}
    for start in range(0, len(chosen), 500):
        piece = select(ExampleRow).where(ExampleRow.id.in_(chosen[start : start + 500]))
        rows |= {row.id: row for row in session.scalars(piece)}
    return [Example(key=rows[number].key, fields=rows[number].fields) for number in chosen if number in rows]

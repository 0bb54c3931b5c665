"""Texts that nobody has labelled, by chance: what they have in common, and what guesses are made on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import ExampleRow, Label, QuestionRow
from labelwheel.backend.ledger.lots import lot
from labelwheel.training.spec import Part

SCANNED = 50_000
"""Of a project with more examples, each so-manieth is drawn from: about so many."""


class Drawn(NamedTuple):
    """An example, and the question that nobody has answered for it."""

    question: QuestionRow
    row: ExampleRow


def draw(session: Session, questions: Sequence[QuestionRow], most: int, seed: int = 0) -> list[Drawn]:
    """At most so many examples of the projects that ask, in an order that says nothing about them.

    They are of the training side alone: what is held out, blind examples too, or set apart is never among them. No two
    are near-duplicates of each other, and none is of what is labelled; `questions` have one split.
    """
    labelled = {group for question in questions for group in _labelled_groups(session, question)}
    lots: dict[str, tuple[int, int, int]] = {}
    for place, question in enumerate(questions):
        for number, group in _open(session, question, seed):
            if group not in labelled and group not in lots:
                lots[group] = lot(f"unlabelled {seed} {group}"), place, number
    chosen = [(place, number) for _, place, number in sorted(lots.values())[:most]]
    rows: dict[int, ExampleRow] = {}
    for piece in sliced(number for _, number in chosen):
        rows |= {row.id: row for row in session.scalars(select(ExampleRow).where(ExampleRow.id.in_(piece)))}
    return [Drawn(questions[place], rows[number]) for place, number in chosen if number in rows]


def _open(session: Session, question: QuestionRow, seed: int) -> Iterator[tuple[int, str]]:
    """The numbers and groups of the examples to draw from."""
    mine = ExampleRow.project_id == question.project_id
    step = (session.scalar(select(func.count(ExampleRow.id)).where(mine)) or 0) // SCANNED + 1
    query = select(ExampleRow.id, ExampleRow.group).where(
        mine, ExampleRow.gone.is_(False), ExampleRow.part == Part.TRAIN, ~_has_label(question)
    )
    if step > 1:
        query = query.where(ExampleRow.id % step == seed % step)
    for row in session.execute(query.order_by(ExampleRow.id).execution_options(yield_per=1000)):
        yield row.id, row.group


def _labelled_groups(session: Session, question: QuestionRow) -> Iterator[str]:
    query = select(ExampleRow.group).where(ExampleRow.project_id == question.project_id, _has_label(question))
    yield from session.scalars(query.distinct())


def _has_label(question: QuestionRow) -> ColumnElement[bool]:
    same = and_(Label.project_id == ExampleRow.project_id, Label.example_key == ExampleRow.key)
    return exists().where(same, Label.question == question.name)

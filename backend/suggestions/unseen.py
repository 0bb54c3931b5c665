"""What would have been suggested for blind examples: asked about once people have answered, and shown to nobody.

Against how often suggestions that people saw were accepted it says what seeing one does to labels. The model is the one
that is served at that moment. No checkpoint has learnt a held-out label, and no head learns a blind one before it was
compared (`labelwheel.backend.revisions.labelled`), so it answers as it would have answered before. What may have been
learnt already is not compared: another label of the same example, or one that was changed afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import ExampleRow, Label, QuestionRow
from labelwheel.backend.projects import projects
from labelwheel.backend.suggestions import showing
from labelwheel.backend.suggestions.showing import Suggester
from labelwheel.plugins.connector import Suggestion
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import Answer, Example, Question

EVERY_SECONDS = 2.0
_AT_ONCE = 100


_Q, _L = QuestionRow.__table__.c, Label.__table__.c
_NEWEST = select(
    _Q.name,
    select(func.max(_L.event_id)).where(_L.project_id == _Q.project_id, _L.question == _Q.name).scalar_subquery(),
).where(_Q.project_id == bindparam("project"), _Q.active)  # fmt: skip


_OTHER = aliased(Label)
_LEARNT = exists().where(
    _OTHER.project_id == Label.project_id, _OTHER.example_key == Label.example_key, _OTHER.question == Label.question,
    _OTHER.id != Label.id, or_(_OTHER.blind.is_(False), _OTHER.unseen_version.is_not(None)),
)  # fmt: skip


class Blind(NamedTuple):
    """A label that was given without a suggestion in sight; `learnt` tells that another of its example may be."""

    label: int
    event: int
    question: str
    answer: Answer
    example: Example
    learnt: bool


class UnseenSuggestions:
    """Those of one project."""

    def __init__(self, hold: Hold, project_id: int, suggester: Suggester) -> None:
        self._hold, self._id, self._suggester = hold, project_id, suggester
        self._again = 0.0
        self._compared: dict[str, int | None] = {}  # by question, the newest label when nothing was left to compare

    def step(self) -> bool:
        """Compares some blind labels that are not yet; True where there were any."""
        if time.monotonic() < self._again:
            return False
        self._again = time.monotonic() + EVERY_SECONDS
        with self._hold.database.glance() as connection:
            newest = _newest(connection, self._id)
        if newest == self._compared:
            return False
        with self._hold.database.session() as session:
            found = _pending(session, self._id)
            rows = projects.questions(session, self._id)
            asked = {row.name: Question.model_validate(row.spec) for row in rows}
        if not found:
            self._compared = newest
            return False
        asking = {one.example.key: one.example for one in found if not one.learnt}
        said = showing.answers(self._suggester, self._id, asking) if asking else []
        if said is None:
            return False
        self._write(found, said, asked)
        return True

    def _write(self, found: Sequence[Blind], said: Sequence[Suggestion], asked: dict[str, Question]) -> None:
        shown = {one.example.key: one for one in said}
        with self._hold.transaction() as tx:
            for one in found:
                suggestion, question = None if one.learnt else shown.get(one.example.key), asked.get(one.question)
                # a label that was changed meanwhile is looked at again
                query = update(Label).where(Label.id == one.label, Label.event_id == one.event)
                agrees = None
                if suggestion is not None and question is not None:
                    agrees = _agrees(question, one, suggestion)
                version = suggestion.version if suggestion is not None else ""
                tx.execute(query.values(unseen_version=version, unseen_agrees=agrees))


def _newest(connection: Connection, project_id: int) -> dict[str, int | None]:
    """The newest label's event, by question; an index knows it."""
    return {row[0]: row[1] for row in connection.execute(_NEWEST, {"project": project_id})}


def _pending(session: Session, project_id: int) -> list[Blind]:
    query = (
        select(Label, ExampleRow, _LEARNT)
        .join(ExampleRow, and_(ExampleRow.project_id == Label.project_id, ExampleRow.key == Label.example_key))
        .where(Label.project_id == project_id, Label.blind, Label.unseen_version.is_(None), ExampleRow.gone.is_(False))
        .order_by(Label.event_id)
        .limit(_AT_ONCE)
    )
    return [
        Blind(label.id, label.event_id, label.question, label.answer, Example(key=row.key, fields=row.fields), learnt)
        for label, row, learnt in session.execute(query)
    ]


def _agrees(question: Question, blind: Blind, suggestion: Suggestion) -> bool | None:
    """Whether people answered what would have been suggested; None where that is nothing."""
    said = suggestion.predictions.get(question.name)
    if said is None or said.answer in (None, []):
        return None
    try:
        given, would_be = (
            question.comparable(question.check(answer, blind.example), blind.example)
            for answer in (blind.answer, said.answer)
        )
    except InvalidAnswer:  # the configuration has changed since
        return None
    return given == would_be

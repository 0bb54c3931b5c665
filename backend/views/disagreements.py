"""How far people agree on a question, and the examples on which they do not."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import InspectionPart, Label, QuestionRow
from labelwheel.backend.views import agreement, inspected, shared_examples
from labelwheel.backend.views.examples import SHOWN, said
from labelwheel.backend.views.remembered import Remembered
from labelwheel.training.questions import Question

# by question; with names and without
_kept = {True: Remembered[dict[str, Any]](), False: Remembered[dict[str, Any]]()}


def read(session: Session, row: QuestionRow, named: bool) -> dict[str, Any]:
    """What `agreement_body.Agreement` says, and `differing`; annotators by their names where that is wished.

    Counted anew where there are newer labels or findings, at most every half a minute: it takes most of a second.
    """
    about = Label.project_id == row.project_id, Label.question == row.name
    label = session.scalar(select(func.max(Label.event_id)).where(*about))
    found = session.execute(select(func.count(), func.max(InspectionPart.inspection_id)).select_from(InspectionPart))
    mark = hash((label, *found.one()))
    return _kept[named].get(session, row.id, lambda: _count(session, row, named), mark)


def differing(session: Session, row: QuestionRow) -> list[dict[str, Any]]:
    """At most `SHOWN` examples that people answered differently, those that came last first: [{"key", "labels"}]."""
    question = Question.model_validate(row.spec)
    found = []
    for each in reversed(shared_examples.read(session, row)):
        answers = [question.comparable(answer, each.example) for answer in each.answers.values()]
        if any(answer != answers[0] for answer in answers):
            found.append({"key": each.example.key, "labels": [said(question, one) for one in each.answers.values()]})
    return found[:SHOWN]


def _count(session: Session, row: QuestionRow, named: bool) -> dict[str, Any]:
    found = agreement.read(session, row, named, inspected.voices(session, row))
    return found | {"differing": differing(session, row)}

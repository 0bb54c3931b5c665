"""The newest labels that a question's model may have learnt from."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow, Label, QuestionRow
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import answers, data
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Part

MOST = 2_000


def trained_on(session: Session, question: QuestionRow, count: int = MOST) -> list[LabelledExample]:
    """At most `count` of the examples that train, those first that were labelled last.

    Of all projects that share the question, their examples named as this one reads them; held-out ones are never among
    them.
    """
    shared = champion_groups.members(session, question)
    spec = Question.model_validate(shared[0].spec)
    found = []
    for row in shared:
        there = answers.read(session, row, spec, None, shared=len(shared) > 1, keys=_keys(session, row, count))
        found += [(one.event, data.learnable(spec, [one])) for one in there if one.part is Part.TRAIN]
    found.sort(key=lambda pair: -pair[0])
    own = Question.model_validate(question.spec)
    return [
        one if own.inputs == spec.inputs else one.model_copy(update={"example": own.posed(spec, one.example)})
        for _, one in found[:count]
    ]


def _keys(session: Session, question: QuestionRow, count: int) -> list[str]:
    query = (
        select(Label.example_key)
        .join(ExampleRow, (ExampleRow.project_id == Label.project_id) & (ExampleRow.key == Label.example_key))
        .where(Label.project_id == question.project_id, Label.question == question.name)
        .where(ExampleRow.part == Part.TRAIN, ExampleRow.gone.is_(False))
        .group_by(Label.example_key)
        .order_by(func.max(Label.event_id).desc())
        .limit(count)
    )
    return list(session.scalars(query))

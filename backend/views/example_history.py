"""One example with all that is known of it: every label that was given, every suggestion that stood there."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Event, ExampleRow, Impression, QuestionRow
from labelwheel.backend.errors import NotFound
from labelwheel.backend.ledger.blind_share import is_blind
from labelwheel.backend.ledger.impressions import NONE
from labelwheel.backend.views import annotators
from labelwheel.backend.views.examples import said
from labelwheel.training.questions import Question

NEWEST = 200
"""So many lines of the ledger are told, the newest."""


def body() -> type[BaseModel]:
    """The model of what `read` gives, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.examples_body import ExampleHistory

    return ExampleHistory


def read(session: Session, project_id: int, key: str, blind_share: float, told: bool) -> dict[str, Any]:
    """What `examples_body.ExampleHistory` says, the newest first; raises NotFound.

    Unless it is to be `told`, there are no texts, no values of columns and no names.
    """
    query = select(ExampleRow).where(ExampleRow.project_id == project_id, ExampleRow.key == key)
    # PostgreSQL takes no text with a zero in it
    example = None if "\0" in key else session.scalars(query).one_or_none()
    if example is None:
        raise NotFound(f"project {project_id} has no example {key!r:.100}; it is there once labels were looked for")
    asked = session.scalars(select(QuestionRow).where(QuestionRow.project_id == project_id).order_by(QuestionRow.id))
    questions = {row.name: Question.model_validate(row.spec) for row in asked}
    called = annotators.names(session, project_id, told)
    about = select(Event).where(Event.project_id == project_id, Event.question.in_(questions), Event.example_key == key)
    events = list(session.scalars(about.order_by(Event.id.desc()).limit(NEWEST)))
    stood = select(Impression).where(Impression.project_id == project_id, Impression.example_key == key)
    shown = list(session.scalars(stood.order_by(Impression.shown_at.desc(), Impression.id.desc())))
    return {
        "key": example.key,
        "fields": dict(example.fields) if told else None,
        "columns": {name: str(value) for name, value in (example.columns or {}).items()} if told else {},
        "side": "blind" if is_blind(example, blind_share) else example.part,
        "gone": example.gone,
        "most": len(events) == NEWEST,
        "events": [
            {
                "question": each.question,
                "action": each.action,
                "annotator": called[each.annotator] if told else None,
                "label": said(questions[each.question], each.answer, told),
                "answer": each.answer if told else None,
                "origin": each.origin,
                "version": each.version,
                "suggested": None if each.suggested is None else said(questions[each.question], each.suggested, told),
                "blind": each.blind,
                "made_at": each.made_at.isoformat(),
            }
            for each in events
        ],
        "suggestions": [
            {
                "version": each.version if each.version != NONE else None,
                "shown_at": each.shown_at.isoformat(),
                "says": {
                    name: said(questions[name], answer, told)
                    for name, answer in each.answers.items()
                    if name in questions
                },
            }
            for each in shown
        ],
    }

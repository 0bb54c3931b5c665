"""Which answers a person gave together, about one example: of the newest labels, which are read at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Label
from labelwheel.training.questions import Answer

NEWEST = 5000
"""So many labels of each question are read."""
QUESTIONS = 20

Together = Mapping[str, Mapping[str, Answer]]
"""By a person's work on an example: their answers by question."""


def read(session: Session, project_id: int, questions: Sequence[str]) -> Together:
    """The newest answers to these questions, those that were answered together side by side."""
    found: dict[str, dict[str, Answer]] = {}
    for question in questions[:QUESTIONS]:
        query = (
            select(Label.work_key, Label.answer)
            .where(Label.project_id == project_id, Label.question == question)
            .order_by(Label.event_id.desc())
            .limit(NEWEST)
        )
        for work, answer in session.execute(query):
            found.setdefault(work, {})[question] = answer
    return found

"""What a run of a pipeline has ordered: rounds and searches, each of which names it."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import QuestionRow, Round, TuningRow

Order = TypeVar("Order", Round, TuningRow)


def latest(session: Session, kind: type[Order], question: QuestionRow, run: str | None) -> Order | None:
    """The newest of a kind, of a question and those that share with it; None without a run."""
    if run is None:
        return None
    query = select(kind).where(kind.question_id == (question.home_id or question.id), kind.run == run)
    return session.scalars(query.order_by(kind.id.desc()).limit(1)).first()

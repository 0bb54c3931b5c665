"""The newer head that answers in a champion's place: what is told of it, and what goes along with the champion."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import HeadRow, Project, QuestionRow
from labelwheel.backend.projects import generations
from labelwheel.training.checkpoints import layered_head


def told(session: Session, question: QuestionRow) -> dict[str, Any] | None:
    """Which it is, how many labels it has learnt from, and how much less is lost for each label than by the champion.

    None where the champion answers by itself.
    """
    columns = HeadRow.version, HeadRow.label_count, HeadRow.details, HeadRow.created_at
    found = session.execute(select(*columns).where(*_answers(session, question))).one_or_none()
    return None if found is None else _told(found)


def row(session: Session, question: QuestionRow) -> HeadRow | None:
    """The head with its content; None where the champion answers by itself."""
    return session.scalars(select(HeadRow).where(*_answers(session, question))).one_or_none()


def card(head: HeadRow) -> str:
    """What whoever takes the champion away is told of the head that goes along, as Markdown."""
    found = _told(head)
    gain = f"{found['gain']:+.3f} ± {found['error']:.3f} for each of {found['examples']:,} labels that it has not seen"
    return (
        "## The head that answers\n\n"
        f"{layered_head.NOTE} It has learnt from {found['labels']:,} labels, those since the last round among them, "
        f"and was compared with the model beside it: {gain}. What the rest of this card says was measured without it."
    )


def _answers(session: Session, question: QuestionRow) -> tuple[ColumnElement[bool], ...]:
    """A head that stands on another champion than the present one is about to go, and answers nothing."""
    present = generations.revision(session, session.get_one(Project, question.project_id))
    number = present.members.get(question.name) if present else None
    return HeadRow.id == number, HeadRow.champion_id == question.champion_id


def _told(found: HeadRow | Row[Any]) -> dict[str, Any]:
    figures = {name: found.details.get(name) for name in ("gain", "error", "examples")}
    return {
        "version": found.version, "labels": found.label_count, **figures, "created_at": found.created_at.isoformat(),
    }  # fmt: skip

"""The decision log: trained, skipped, promoted, rejected, rolled back, and why; in the database and the log stream."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Decision, Project

log = logging.getLogger("labelwheel.decisions")


def decide(
    tx: Session, project: Project, question: str | None, kind: str, reason: str, details: dict[str, Any] | None = None
) -> Decision:
    """Adds a line to the log: `kind` in one word (or two), `reason` in one sentence."""
    decision = Decision(
        project_id=project.id, question=question, kind=kind, reason=reason[:4000], details=dict(details or {})
    )
    tx.add(decision)
    tx.flush()
    about = f" · question {question}" if question else ""
    log.info("project %s%s: %s because %s", project.title or project.external_id, about, kind, reason)
    return decision


def latest(session: Session, project_id: int, count: int = 10, question: str | None = None) -> list[Decision]:
    """The newest decisions first."""
    query = select(Decision).where(Decision.project_id == project_id).order_by(Decision.id.desc()).limit(count)
    if question is not None:
        query = query.where(Decision.question == question)
    return list(session.scalars(query))

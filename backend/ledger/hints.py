"""Hints: something happened in the labelling tool. The worker looks for itself; nothing else of a webhook is used."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from backend.ledger.tables import Project, now


def hint(tx: Session, tool: str, reference: str) -> bool:
    """Notes that the worker should look at a project at once; False where no such project is known."""
    query = update(Project).where(Project.tool == tool, Project.reference == reference).values(hinted_at=now())
    return bool(tx.execute(query).rowcount)  # type: ignore[attr-defined]

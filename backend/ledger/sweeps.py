"""Sweeps: the whole project compared with the ledger, page by page, resumed after a restart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.ledger import aside, projects, silence
from backend.ledger.intake import forget
from backend.ledger.labelling import Labelling
from backend.ledger.tables import ExampleRow, Project, now


def begin(tx: Session, project_id: int) -> Project:
    """Begins a sweep; one that is under way goes on where it was."""
    project = projects.get(tx, project_id)
    if project.sweep_started_at is None:
        project.sweep_number += 1
        project.sweep_cursor, project.sweep_started_at = None, now()
        tx.flush()
    return project


def finish(tx: Session, project_id: int) -> int:
    """Ends a sweep: examples that it did not see, and that were not seen elsewhere since it began, are gone."""
    project = projects.lock(tx, project_id)
    began: datetime | None = project.sweep_started_at
    if began is None:
        return 0
    query = select(ExampleRow).where(
        ExampleRow.project_id == project_id,
        ExampleRow.gone.is_(False),
        ExampleRow.sweep_number < project.sweep_number,
        ExampleRow.seen_at < began,
    )
    # an example that cannot even be named may be any of those that were not seen
    missing = list(tx.scalars(query)) if aside.swept(project) else []
    forget(tx, project_id, missing, Labelling(tx, project_id, {}, now()))
    project.sweep_cursor, project.sweep_started_at, project.swept_at = None, None, began
    silence.tell(tx, project)
    tx.flush()
    return len(missing)

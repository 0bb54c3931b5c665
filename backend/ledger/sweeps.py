"""Sweeps: the whole project compared with the ledger, page by page, resumed after a restart."""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow, Project, now
from labelwheel.backend.ledger import aside, silence
from labelwheel.backend.ledger.intake import forget
from labelwheel.backend.ledger.labelling import Labelling
from labelwheel.backend.projects import projects

log = logging.getLogger(__name__)


def due(project: Project, age: float, every: float) -> bool:
    """Whether a sweep is under way, wanted, or due as the last one was `age` seconds ago."""
    return project.sweep_started_at is not None or project.sweep_number < project.sweep_wanted or age >= every


def begin(tx: Session, project_id: int) -> Project:
    """Begins a sweep; one that is under way goes on where it was."""
    project = projects.get(tx, project_id)
    if project.sweep_started_at is None:
        project.sweep_number += 1
        project.sweep_cursor, project.sweep_started_at = None, now()
        tx.flush()
    return project


def finish(tx: Session, project_id: int, number: int, cursor: str | None) -> int:
    """Ends a sweep: examples that no page brought since it began, neither its own nor a poll's, are gone.

    `number` is that of the sweep that came to its end, and `cursor` that of the last page that it brought: where the
    ledger has not taken that page, nothing is ended, and nothing is gone.
    """
    project = projects.lock(tx, project_id)
    if project.sweep_started_at is None:
        return 0
    if (project.sweep_number, project.sweep_cursor) != (number, cursor):
        log.warning("project %s: a sweep that is not the one under way came to its end; it goes on", project_id)
        return 0
    query = select(ExampleRow).where(
        ExampleRow.project_id == project_id,
        ExampleRow.gone.is_(False),
        ExampleRow.sweep_number < project.sweep_number,
    )
    # an example that cannot even be named may be any of those that were not seen
    missing = list(tx.scalars(query)) if aside.swept(project) else []
    forget(tx, project_id, missing, Labelling(tx, project_id, {}, now()))
    project.swept_at = project.sweep_started_at
    project.sweep_cursor, project.sweep_started_at = None, None
    silence.tell(tx, project)
    tx.flush()
    return len(missing)

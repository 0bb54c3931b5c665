"""The audit log: who did what, or tried to. In the database, and in the log stream; no secret is ever part of it."""

from __future__ import annotations

import logging

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import AuditLine

log = logging.getLogger("labelwheel.audit")

KEPT = 10_000
_TIDY_EVERY = 100
_LONGEST = 500


def note(
    tx: Session, role: str, action: str, peer: str = "", project_id: int | None = None, status: int | None = None
) -> AuditLine:
    """Adds a line; the oldest beyond the latest ten thousand go. `role` says with whose credentials, `peer` from where.

    `status` is that of the HTTP answer, None for what was no request.
    """
    action = "".join(each if each.isprintable() else "?" for each in action[:_LONGEST])
    line = AuditLine(role=role, peer=peer[:255], project_id=project_id, action=action, status=status)
    tx.add(line)
    tx.flush()
    if line.id % _TIDY_EVERY == 0:
        tx.execute(delete(AuditLine).where(AuditLine.id <= line.id - KEPT))
    about = f" · project {project_id}" if project_id is not None else ""
    told = " ".join(filter(None, (role, peer)))
    log.info("%s%s: %s%s", told, about, action, "" if status is None else f" → {status}")
    return line


def latest(session: Session, count: int = 100, project_id: int | None = None) -> list[AuditLine]:
    """The newest lines first; of one project, or of all."""
    query = select(AuditLine).order_by(AuditLine.id.desc()).limit(count)
    if project_id is not None:
        query = query.where(AuditLine.project_id == project_id)
    return list(session.scalars(query))

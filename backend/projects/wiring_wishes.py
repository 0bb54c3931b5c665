"""The wish that a project's tool gets new secrets: noted here, carried out by the worker.

`Project.rewiring` is {"reason", "by", "renew": bool, "trouble": str | None} until it is done.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Project, ProjectState
from labelwheel.backend.errors import Conflict
from labelwheel.backend.projects import projects


def ask(tx: Session, project_id: int, reason: str, by: str) -> Project:
    """Notes that the tool of a connected project gets new secrets, and the old ones end; raises Conflict."""
    project = projects.lock(tx, project_id)
    if project.state != ProjectState.CONNECTED:
        raise Conflict(f"project {project.title or project.id} is {project.state}; connecting makes new secrets anyway")
    project.rewiring = wish(reason, by, renew=True)
    tx.flush()
    return project


def wish(reason: str, by: str, renew: bool) -> dict[str, Any]:
    """What `Project.rewiring` holds; `renew` also replaces secrets that a tool makes by itself."""
    return {"reason": reason, "by": by, "renew": renew, "trouble": None}

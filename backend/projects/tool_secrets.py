"""The secrets that labelling tools show when they call. Only hashes are kept: what a tool has to learn is made anew.

They are long and random, so that a plain hash gives nothing away and looking one up tells nothing by its time.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Project, ProjectState, ToolSecret
from labelwheel.plugins.connector import Purpose

PREFIX = "lwt_"
"""How every one of them begins: so it is told from other credentials, and found where it does not belong."""

_UNSETTLED = 16
"""How many pairs of one project may wait to be taken by a tool that does not answer."""


class Owner(NamedTuple):
    """Whom a secret belongs to."""

    project_id: int
    tool: str
    reference: str | None
    purpose: Purpose


def make() -> dict[Purpose, str]:
    """New secrets, one for each purpose; good for nothing before they are `kept`."""
    return {purpose: f"{PREFIX}{secrets.token_urlsafe(32)}" for purpose in Purpose}


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def keep(tx: Session, project_id: int, made: Mapping[Purpose, str]) -> None:
    """Makes secrets good, beside those that the tool has; once more changes nothing."""
    wanted = {digest(secret): purpose for purpose, secret in made.items()}
    known = set(tx.scalars(select(ToolSecret.digest).where(ToolSecret.digest.in_(wanted))))
    for key, purpose in wanted.items():
        if key not in known:
            tx.add(ToolSecret(project_id=project_id, purpose=purpose, digest=key))
    tx.flush()
    waiting = select(ToolSecret.id).where(ToolSecret.project_id == project_id, ToolSecret.settled.is_(False))
    old = tx.scalars(waiting.order_by(ToolSecret.id.desc()).offset(_UNSETTLED * len(Purpose))).all()
    tx.execute(delete(ToolSecret).where(ToolSecret.id.in_(old)))


def settle(tx: Session, project_id: int, made: Collection[str]) -> None:
    """The tool has these now: all others of the project end."""
    kept = [digest(secret) for secret in made]
    mine = ToolSecret.project_id == project_id
    tx.execute(delete(ToolSecret).where(mine, ToolSecret.digest.not_in(kept)))
    tx.execute(update(ToolSecret).where(mine, ToolSecret.digest.in_(kept)).values(settled=True))


def end(tx: Session, project_id: int) -> None:
    """Nothing of the project's tool is let in any more."""
    tx.execute(delete(ToolSecret).where(ToolSecret.project_id == project_id))


def find(session: Session, secret: str) -> Owner | None:
    """Whose secret it is; None where it is nobody's, or ended."""
    known = (ProjectState.CONNECTING, ProjectState.CONNECTED, ProjectState.FAILED, ProjectState.DISCONNECTING)
    query = (
        select(Project.id, Project.tool, Project.reference, ToolSecret.purpose)
        .join(ToolSecret, ToolSecret.project_id == Project.id)
        .where(ToolSecret.digest == digest(secret), Project.state.in_(known))
    )
    found = session.execute(query).one_or_none()
    return None if found is None else Owner(found[0], found[1], found[2], Purpose(found[3]))


def count(session: Session, project_id: int) -> int:
    """How many are good for a project at the moment."""
    return session.scalar(select(func.count()).where(ToolSecret.project_id == project_id)) or 0

"""Columns of the labelling tool that a setting names and no example has: a name that was mistyped, mostly."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow
from labelwheel.backend.ledger import columns
from labelwheel.backend.settings import Settings

LOOKED_AT = 1_000
"""So many of the newest examples are looked at: status is asked for again and again."""


def absent(session: Session, project_id: int, settings: Settings) -> list[str]:
    """Those that are named, and that none of the newest examples has a value for; none where there is no example."""
    left = columns.named(settings)
    if not left:
        return []
    newest = (
        select(ExampleRow.columns)
        .where(ExampleRow.project_id == project_id, ExampleRow.gone.is_(False))
        .order_by(ExampleRow.id.desc())
        .limit(LOOKED_AT)
    )
    found = session.scalars(newest).all()
    return [name for name in left if not any(name in (each or {}) for each in found)] if found else []

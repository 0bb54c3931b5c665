"""Inspections as if their process had been at work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, InspectionPart, InspectionRow, InspectionState


def add(tx: Session, checkpoint: CheckpointRow, found: Mapping[str, Mapping[str, Any]], **more: Any) -> None:
    """Adds an inspection that has found these, by the names of sections; `more` are columns of it."""
    row = InspectionRow(
        question_id=checkpoint.question_id,
        checkpoint_id=checkpoint.id,
        version=checkpoint.version,
        **{"state": InspectionState.DONE} | more,
    )
    tx.add(row)
    tx.flush()
    for place, (name, one) in enumerate(found.items()):
        text = f"## {name}"
        tx.add(InspectionPart(inspection_id=row.id, name=name, place=place, found=dict(one), text=text, seconds=1.0))

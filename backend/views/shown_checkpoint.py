"""Which of a question's checkpoints somebody looks at: that of a version, else the champion."""

from __future__ import annotations

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.errors import NotFound
from labelwheel.backend.rounds import round_commands


def row(session: Session, question: QuestionRow, version: str | None) -> CheckpointRow:
    """Raises NotFound where there is none, or its files were cleared away."""
    found: CheckpointRow | None = None
    if version is not None:
        known = round_commands.checkpoints(session, question.id)
        found = next((each for each in known if each.version == version), None)
    elif question.champion_id is not None:
        found = session.get(CheckpointRow, question.champion_id)
    if found is None:
        missing = f"checkpoint {version!r:.100}" if version is not None else "champion yet"
        raise NotFound(f"question {question.name!r} has no {missing}; `labelwheel checkpoints` lists what there is")
    return found

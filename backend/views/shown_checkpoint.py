"""Which of a question's checkpoints somebody looks at: that of a version, else the champion."""

from __future__ import annotations

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow, RoundState
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


def place(session: Session, question: QuestionRow, version: str | None) -> tuple[str, str | None]:
    """Its name in the store, and its manifest's hash where that is noted. A challenger that is held is looked at, too.

    Raises what `row` does.
    """
    held = None if version is None else round_commands.active(session, question)
    if held is not None and held.version == version and held.state == RoundState.HELD:
        return held.version, None
    found = row(session, question, version)
    return found.folder, found.manifest_digest

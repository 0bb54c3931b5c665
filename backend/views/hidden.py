"""What is too unsure to be suggested: below which score, what says so, and how much of what was measured that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, Decision, QuestionRow
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.settings import Settings
from labelwheel.backend.views.remembered import Remembered
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question

MOST = 100
"""Among so many of the newest promotions of a question that of its champion is looked for."""

_measured: Remembered[Mapping[str, Any]] = Remembered(by_cost=True)


def of_champion(
    session: Session, settings: Settings, question: QuestionRow, champion: CheckpointRow | None
) -> dict[str, Any]:
    """What is hidden of a question's suggestions; the shares are those that its champion was promoted with."""
    found: Mapping[str, Any] = {}
    if champion is not None:
        found = _measured.get(session, question.id, lambda: _promoted(session, question, champion), champion.id)
    return told(settings, question, found)


def told(settings: Settings, question: QuestionRow, measured: Mapping[str, Any]) -> dict[str, Any]:
    """The same from what a report says of it, which is empty where nothing was measured, or by an earlier release."""
    kind = kind_of(Question.model_validate(question.spec))
    source = next((name for name in ("show", "costs") if kind.name in getattr(settings, name)), None)
    given = int(measured.get("suggestions") or 0)
    hidden = int(measured["hidden"]) if given else None
    return {
        "below": settings.shown_from[kind.name],
        "source": f"LABELWHEEL_{source.upper()}" if source else "default",
        "one_by_one": kind.hides,
        "measured_below": float(measured["below"]) if given else None,
        "suggestions": given or None,
        "hidden": hidden,
        "share": hidden / given if hidden is not None else None,
    }


def _promoted(session: Session, question: QuestionRow, champion: CheckpointRow) -> Mapping[str, Any]:
    home = champion_groups.home(session, question)
    query = select(Decision.details).where(
        Decision.project_id == home.project_id, Decision.question == home.name, Decision.kind == "promoted"
    )
    rows = session.scalars(query.order_by(Decision.id.desc()).limit(MOST))
    report = next((row.get("report") for row in rows if row.get("version") == champion.version), None)
    return (report or {}).get("hidden") or {}

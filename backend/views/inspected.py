"""What inspections have found, for reports, status and everything that is made from it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, InspectionRow, QuestionRow
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import inspections
from labelwheel.training.questions import Question


def of_version(session: Session, version: str) -> dict[str, Any] | None:
    """A checkpoint's inspection; None where there was none yet.

    `sections` are by name, in the order of reports: {"found", "seconds"}, or {"problem"}; those that are not done are
    left out.
    """
    row = session.scalars(select(InspectionRow).where(InspectionRow.version == version)).one_or_none()
    return None if row is None else _told(row)


def of_champion(session: Session, champion: CheckpointRow | None) -> dict[str, Any] | None:
    """How a champion's inspection stands, for `status`; None where there was none yet."""
    row = None if champion is None else inspections.of(session, champion.id)
    return None if row is None else _summary(row)


def _summary(row: InspectionRow) -> dict[str, Any]:
    shown, parts = ("version", "state", "problem", "label_count"), _parts(row)
    return {name: getattr(row, name) for name in shown} | {
        "done": [name for name, part in parts.items() if "found" in part],
        "problems": {name: part["problem"] for name, part in parts.items() if "problem" in part},
    }


def markdown(session: Session, version: str) -> str:
    """What sections say to people about a checkpoint; empty where nothing was found yet."""
    row = session.scalars(select(InspectionRow).where(InspectionRow.version == version)).one_or_none()
    texts = [part.get("text", "") for part in _parts(row).values()] if row else []
    return "\n\n".join(filter(None, texts))


def section(session: Session, question: QuestionRow, name: str) -> dict[str, Any] | None:
    """{"version", "event", "found"}: what a section found in the question's latest inspection that has got so far.

    `event` is the newest of the ledger that it knows. None where there is nothing yet.
    """
    home = champion_groups.home(session, question)
    query = select(InspectionRow).where(InspectionRow.question_id == home.id)
    for row in session.scalars(query.order_by(InspectionRow.started_at.desc(), InspectionRow.id.desc()).limit(10)):
        if "found" in (part := row.parts.get(name, {})):
            return {"version": row.version, "event": row.last_event_id, "found": part["found"]}
    return None


def voices(session: Session, question: QuestionRow) -> dict[str, list[float]]:
    """By an example's key, how probable each value of the question is to models that have not learnt its label.

    Empty where no inspection has found that out, or the question's values have changed since.
    """
    told = section(session, question, "voices")
    spec, shared = Question.model_validate(question.spec), len(champion_groups.members(session, question)) > 1
    if told is None or set(told["found"].get("values", ())) != set(spec.values):
        return {}
    places = [told["found"]["values"].index(value) for value in spec.values]
    own = f"{question.project_id}/" if shared else ""
    return {
        key.removeprefix(own): [chances[place] for place in places]
        for key, chances in told["found"]["probabilities"].items()
        if key.startswith(own)
    }


def _told(row: InspectionRow) -> dict[str, Any]:
    parts = _parts(row).items()
    return _summary(row) | {
        "sections": {name: {key: part[key] for key in part if key not in ("place", "text")} for name, part in parts}
    }


def _parts(row: InspectionRow) -> dict[str, dict[str, Any]]:
    """In the order of the report."""
    return dict(sorted(row.parts.items(), key=lambda item: item[1].get("place", 0)))

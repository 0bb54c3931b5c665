"""What inspections have found, for reports, status and everything that is made from it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, InspectionPart, InspectionRow, QuestionRow
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import inspections
from labelwheel.backend.views import findings
from labelwheel.backend.views.remembered import Remembered
from labelwheel.training.questions import Question

_kept: Remembered[dict[str, Any]] = Remembered(by_cost=True)


def of_version(session: Session, version: str, names: Collection[str] | None = None) -> dict[str, Any] | None:
    """A checkpoint's inspection; None where there was none yet.

    `sections` are by name, in the order of reports: {"found", "seconds"}, or {"problem"}; those that are not done are
    left out, and those that are not among `names`, as some have something of each label. `at` is when it ended, or
    began where it has not.
    """
    row = session.scalars(select(InspectionRow).where(InspectionRow.version == version)).one_or_none()
    if row is None:
        return None
    query = select(InspectionPart).where(InspectionPart.inspection_id == row.id).order_by(InspectionPart.place)
    if names is not None:
        query = query.where(InspectionPart.name.in_(names))
    at = (row.ended_at or row.started_at).isoformat()
    return _summary(session, row) | {"at": at, "sections": {part.name: _told(part) for part in session.scalars(query)}}


def of_champion(session: Session, champion: CheckpointRow | None) -> dict[str, Any] | None:
    """How a champion's inspection stands, and the figures of it, for `status`; None where there was none yet."""
    row = None if champion is None else inspections.of(session, champion.id)
    if row is None:
        return None
    told = _summary(session, row)
    looked = hash((row.started_at, len(told["done"])))  # what a section has found stays as it is
    return told | {"figures": _kept.get(session, row.id, lambda: findings.figures(_found(session, row.id)), looked)}


def _found(session: Session, inspection: int) -> dict[str, dict[str, Any]]:
    """What sections have found that is for people, by their names: voices have something of each label."""
    query = select(InspectionPart.name, InspectionPart.found).where(InspectionPart.inspection_id == inspection)
    sections = session.execute(query.where(InspectionPart.problem.is_(None), InspectionPart.name != "voices"))
    return {name: found or {} for name, found in sections}


def _summary(session: Session, row: InspectionRow) -> dict[str, Any]:
    query = select(InspectionPart.name, InspectionPart.problem).where(InspectionPart.inspection_id == row.id)
    problems = {part.name: part.problem for part in session.execute(query.order_by(InspectionPart.place))}
    return {name: getattr(row, name) for name in ("version", "state", "problem", "label_count")} | {
        "done": [name for name, problem in problems.items() if problem is None],
        "problems": {name: problem for name, problem in problems.items() if problem is not None},
    }


def _told(part: InspectionPart) -> dict[str, Any]:
    return {"found": part.found, "seconds": part.seconds} if part.problem is None else {"problem": part.problem}


def markdown(session: Session, version: str) -> str:
    """What sections say to people about a checkpoint; empty where nothing was found yet."""
    query = select(InspectionPart.text).join(InspectionRow, InspectionRow.id == InspectionPart.inspection_id)
    texts = session.scalars(query.where(InspectionRow.version == version).order_by(InspectionPart.place))
    return "\n\n".join(filter(None, texts))


def card(session: Session, version: str) -> str:
    """What sections say about a checkpoint to whoever takes it away: see `training.inspection.card`."""
    from labelwheel.training.inspection import card as inspection_card  # slow to load, and only this needs it

    row = session.scalars(select(InspectionRow).where(InspectionRow.version == version)).one_or_none()
    if row is None:
        return ""
    text = inspection_card.write(_found(session, row.id))
    opening = f"What follows was found since, by a look at {row.label_count:,} labels; it shows nobody's texts."
    return f"## A closer look\n\n{opening}\n\n{text}" if text else ""


def section(session: Session, question: QuestionRow, name: str) -> dict[str, Any] | None:
    """{"version", "event", "found"}: what a section found in the question's latest inspection that has got so far.

    `event` is the newest of the ledger that it knows. None where there is nothing yet.
    """
    home = champion_groups.home(session, question)
    query = select(InspectionRow.version, InspectionRow.last_event_id, InspectionPart.found)
    query = query.join(InspectionPart, InspectionPart.inspection_id == InspectionRow.id)
    query = query.where(InspectionRow.question_id == home.id, InspectionPart.name == name)
    query = query.where(InspectionPart.problem.is_(None))
    latest = session.execute(query.order_by(InspectionRow.started_at.desc(), InspectionRow.id.desc()).limit(1)).first()
    return None if latest is None else dict(zip(("version", "event", "found"), latest, strict=True))


def voices(session: Session, question: QuestionRow) -> dict[str, list[float]]:
    """By an example's key, how probable each value of the question is to models that have not learnt its label.

    Empty where no inspection has found that out, or the question's values have changed since.
    """
    told = section(session, question, "voices")
    spec, shared = Question.model_validate(question.spec), len(champion_groups.members(session, question)) > 1
    # of a question without values, as of numbers, an inspection finds nothing
    if told is None or not told["found"] or set(told["found"]["values"]) != set(spec.values):
        return {}
    places = [told["found"]["values"].index(value) for value in spec.values]
    own = f"{question.project_id}/" if shared else ""
    return {
        key.removeprefix(own): [chances[place] for place in places]
        for key, chances in told["found"]["probabilities"].items()
        if key.startswith(own)
    }

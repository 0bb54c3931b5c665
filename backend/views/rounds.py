"""The decision log, and what came of a round. Scores, shares and progress are in [0, 1], times in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, Decision, QuestionRow, Round, RoundState, now
from labelwheel.backend.errors import NotFound
from labelwheel.backend.rounds import jobs, round_commands
from labelwheel.backend.settings import Settings
from labelwheel.training.checkpoints.checkpoint import Checkpoint
from labelwheel.training.errors import InvalidCheckpoint, StoreUnreachable
from labelwheel.training.job import LOG
from labelwheel.training.launchers import child

PAGE = 50
KNOWN = 2000
"""Of so many of the newest decisions the kinds are offered."""
MEANWHILE = 50
REPORTED = (
    "metric", "headline", "scored_on", "measured_on", "trials", "chosen", "reason", "champion", "classes",
    "training_curve", "training_verdict", "artefact", "notes", "seconds", "peak_memory",
)  # fmt: skip
"""What of a report is told to whoever may look: without keys and slices, which may have people's names."""

GATE = (
    "verdict", "examples", "groups", "challenger_score", "champion_score", "difference", "low", "high", "p_value",
    "allowed", "look",
)  # fmt: skip
CLASS = ("label", "champion_f1", "challenger_f1", "low", "high", "collapsed", "beyond_chance")
TRIAL = ("name", "score", "seconds", "detail")
EPOCH = ("epoch", "train_loss", "validation_loss", "score")
"""What a row has; what another release wrote without is None."""

ROUND = (
    "id", "state", "trigger", "recipe", "version", "label_count", "look", "score", "low", "high", "progress",
    "seconds_left", "metrics", "attempts", "reason", "run",
)  # fmt: skip


def log_body() -> type[BaseModel]:
    """The model of what `log` says, which is imported only when somebody wants it described."""
    from labelwheel.backend.views.rounds_body import Log

    return Log


def body() -> type[BaseModel]:
    """The model of what `details` says, likewise."""
    from labelwheel.backend.views.rounds_body import RoundDetails

    return RoundDetails


def log(
    session: Session, project_id: int, question: str | None = None, kind: str | None = None, before: int | None = None
) -> dict[str, Any]:
    """So many lines of a project's decision log as a page has, the newest first; `next` is the `before` of the next."""
    query = select(Decision).where(Decision.project_id == project_id).order_by(Decision.id.desc())
    for wanted, column in ((question, Decision.question), (kind, Decision.kind)):
        if wanted:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(Decision.id < before)
    rows = session.scalars(query.limit(PAGE + 1)).all()
    newest = select(Decision.kind).where(Decision.project_id == project_id).order_by(Decision.id.desc()).limit(KNOWN)
    kinds = session.scalars(select(newest.subquery().c.kind).distinct()).all()
    return {
        "decisions": [_line(row) for row in rows[:PAGE]],
        "kinds": sorted(kinds),
        "next": rows[PAGE - 1].id if len(rows) > PAGE else None,
    }


def running(session: Session, question: QuestionRow) -> dict[str, Any] | None:
    """The round of a question that is under way, whichever project it belongs to."""
    found = round_commands.active(session, question)
    return None if found is None else _round(found)


def of_project(session: Session, project_id: int, number: int) -> Round:
    """A round of one of the project's questions, or of one that it shares. Raises NotFound."""
    found = session.get(Round, number)
    if found is not None:
        query = select(QuestionRow.id, QuestionRow.home_id).where(QuestionRow.project_id == project_id)
        if any(found.question_id == (row.home_id or row.id) for row in session.execute(query)):
            return found
    raise NotFound(f"project {project_id} has no round {number}; its decision log names those that there were")


def details(session: Session, settings: Settings, found: Round) -> dict[str, Any]:
    """What came of a round: its row, the gate's word, its report where there is one, and what was decided meanwhile."""
    question = session.get_one(QuestionRow, found.question_id)
    query = select(Decision).where(Decision.project_id == found.project_id, Decision.question == question.name)
    begun, ended = found.created_at - timedelta(seconds=1), (found.ended_at or now()) + timedelta(seconds=1)
    query = query.where(Decision.made_at >= begun, Decision.made_at <= ended)
    rows = session.scalars(query.order_by(Decision.id.desc()).limit(MEANWHILE)).all()
    gate = next(
        (row.details for row in rows if row.details.get("round") == found.id and "verdict" in row.details), None
    )
    kept, problem = _checkpoint(session, settings, found)
    return {
        "round": _round(found) | {"question": question.name},
        "gate": gate and _only(gate, GATE) | {"classes": [_only(row, CLASS) for row in gate.get("classes") or ()]},
        "report": kept and _told(kept.report),
        "checkpoint": kept and {"place": settings.checkpoints.place(found.version), "manifest": kept.digest},
        "problem": problem,
        "decisions": [_line(row) for row in rows],
    }


def words(settings: Settings, found: Round) -> str:
    """The end of the job's log, where it ran on this machine; it may tell texts, and is not for everybody."""
    return child.tail(jobs.folder(settings, found.id) / LOG)


def _checkpoint(session: Session, settings: Settings, found: Round) -> tuple[Checkpoint | None, str | None]:
    """What a round has trained, where it is kept; else why it is not, where it has ended."""
    row = session.scalars(select(CheckpointRow).where(CheckpointRow.version == found.version)).one_or_none()
    if row is None and found.state not in (RoundState.GATING, RoundState.HELD):
        return None, "there is no report: one is kept of what was promoted" if found.ended_at else None
    if row is not None and row.removed:
        return None, "the checkpoint was cleared away with its report (see LABELWHEEL_KEEP_CHECKPOINTS)"
    digest = None if row is None else row.manifest_digest
    try:
        return settings.checkpoints.read(found.version, verify=False, digest=digest), None
    except (InvalidCheckpoint, StoreUnreachable) as error:
        return None, f"the report cannot be read: {error}"


def _told(report: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: report[name] for name in REPORTED if report.get(name)}
    for name, columns in (("trials", TRIAL), ("training_curve", EPOCH)):
        if name in told:
            told[name] = [_only(row, columns) for row in told[name]]
    if champion := told.get("champion"):
        told["champion"] = champion | {"classes": [_only(row, CLASS) for row in champion.get("classes") or ()]}
    return told


def _only(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row.get(name) for name in names}


def _round(row: Round) -> dict[str, Any]:
    times = {name: getattr(row, name) for name in ("created_at", "started_at", "ended_at")}
    return {name: getattr(row, name) for name in ROUND} | {
        name: moment.isoformat() if moment else None for name, moment in times.items()
    }


def _line(row: Decision) -> dict[str, Any]:
    return {
        "id": row.id, "at": row.made_at.isoformat(), "question": row.question, "kind": row.kind, "reason": row.reason,
        "round": row.details.get("round"), "version": row.details.get("version"),
    }  # fmt: skip

"""How a round ends: each ending is one transaction, so that no half of it is ever seen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ACTIVE, CheckpointRow, QuestionRow, Round, RoundState, now
from labelwheel.backend.errors import Conflict
from labelwheel.backend.projects import champion_groups, generations, projects
from labelwheel.backend.rounds.gate import Judgement
from labelwheel.training.questions import Question
from labelwheel.training.spec import Recipe


def promote(tx: Session, found: Round, judgement: Judgement) -> CheckpointRow | None:
    """The challenger becomes the champion: checkpoint, generation, decision and round in one.

    None where the question became another one while the job ran: the round fails.
    """
    found, question = _open(tx, found)
    asked, answered = Question.model_validate(question.spec), judgement.manifest.question
    if not question.active or (asked.kind, asked.inputs) != (answered.kind, answered.inputs):
        fail(tx, found, "the question was changed or removed while the job ran")
        return None
    row = CheckpointRow(
        question_id=question.id,
        version=found.version,
        folder=found.version,
        parent_id=found.champion_id,
        recipe=found.recipe,
        label_count=found.label_count,
        last_event_id=found.last_event_id if found.recipe != "names" else 0,
        metric=judgement.metric,
        score=judgement.score,
        low=judgement.low,
        high=judgement.high,
        kind=judgement.manifest.question.kind,
        digest=judgement.manifest.question.digest,
        # never before its job began, whatever the clock was set to meanwhile
        created_at=max(now(), found.started_at or now()),
        manifest_digest=judgement.digest,
    )
    tx.add(row)
    tx.flush()
    if found.recipe == Recipe.AUTO:
        question.tuned = found.tuned
    named = champion_groups.serve(tx, question, row.id, f"{question.name}: {judgement.reason}")
    _note(found, judgement)
    _end(found, RoundState.PROMOTED, judgement.reason)
    details = {"round": found.id, "version": found.version, **judgement.details}
    champion_groups.decide(tx, question, "promoted", judgement.reason, details, named)
    return row


def hold(tx: Session, found: Round, judgement: Judgement) -> None:
    """The gate lets it pass, and it waits for somebody to promote it; the champion stays meanwhile."""
    found, question = _open(tx, found)
    seconds = found.hold or 0.0
    reason = (
        f"{judgement.reason.rstrip('.')}; it is held for {seconds / 60:g} minutes, `labelwheel promote` has it served"
    )
    _note(found, judgement)
    found.state, found.reason, found.progress_token = RoundState.HELD, reason[:4000], None
    found.held_until = now() + timedelta(seconds=seconds)
    details = {"round": found.id, "version": found.version, **judgement.details}
    champion_groups.decide(tx, question, "held", reason, details)


def reject(tx: Session, found: Round, judgement: Judgement) -> None:
    """The champion stays."""
    found, question = _open(tx, found)
    _note(found, judgement)
    _end(found, RoundState.REJECTED, judgement.reason)
    details = {"round": found.id, "version": found.version, **judgement.details}
    champion_groups.decide(tx, question, "rejected", judgement.reason, details)


def fail(tx: Session, found: Round, reason: str) -> None:
    """Nothing came of it; the champion stays, and the policy waits before it tries again."""
    found, question = _open(tx, found)
    _end(found, RoundState.FAILED, reason)
    champion_groups.decide(tx, question, "failed", reason, {"round": found.id, "version": found.version})


def fall_back(tx: Session, project_id: int, problem: dict[str, Any]) -> CheckpointRow | None:
    """Marks a checkpoint that no web process can load as broken, and serves the newest one that is not.

    `problem` is what the web processes report: {"generation", "checkpoint", "message"}. Returns what is served instead;
    None also where the report is out of date.
    """
    project = projects.lock(tx, project_id)
    generation = generations.of(tx, project)
    if generation is None or generation.name != problem.get("generation"):
        return None
    query = select(CheckpointRow).where(CheckpointRow.version == problem.get("checkpoint"))
    broken = tx.scalars(query).one_or_none()
    name = next((name for name, number in generation.members.items() if broken and number == broken.id), None)
    if broken is None or name is None:
        return None
    question = champion_groups.home(tx, projects.question(tx, project_id, name))
    broken.broken = broken.broken or str(problem.get("message") or "it cannot be loaded")[:2000]
    usable = [tx.get_one(CheckpointRow, number) for number in champion_groups.served_before(tx, question)]
    kind = Question.model_validate(question.spec).kind
    usable = [row for row in usable if not row.broken and not row.removed and row.kind == kind]
    instead = max(usable, key=lambda row: row.id) if usable else None
    named = champion_groups.serve(tx, question, instead.id if instead else None, f"{broken.version} is broken")
    reason = f"{broken.version} cannot be loaded: {broken.broken}"
    details = {"broken": broken.version, "version": instead.version if instead else None}
    champion_groups.decide(tx, question, "fell back", reason, details, named)
    return instead


def _open(tx: Session, found: Round) -> tuple[Round, QuestionRow]:
    projects.lock(tx, found.project_id)
    current = tx.get_one(Round, found.id, populate_existing=True, with_for_update=True)
    if current.state not in ACTIVE or current.fence != found.fence:
        raise Conflict(f"round {found.id} is {current.state} now, or in other hands")
    return current, tx.get_one(QuestionRow, found.question_id, populate_existing=True)


def _note(found: Round, judgement: Judgement) -> None:
    found.look, found.learning_curve = judgement.look, judgement.learning_curve
    found.score, found.low, found.high = judgement.score, judgement.low, judgement.high


def _end(found: Round, state: RoundState, reason: str) -> None:
    found.state, found.reason, found.ended_at = state, reason[:4000], now()
    found.handle = found.progress_token = found.seconds_left = None

"""What people can ask of the rounds: start one, stop one, go back to an earlier checkpoint."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ACTIVE, CheckpointRow, QuestionRow, Round, RoundState, now
from labelwheel.backend.errors import Conflict, NotFound
from labelwheel.backend.projects import champion_groups, pipeline_orders, projects, version_names
from labelwheel.backend.rounds import evidence
from labelwheel.training.spec import Recipe

AUTOMATIC = ("labels", "options", "connect")
"""The triggers that the worker uses itself; any other is a person's, for whom no label is too old to be new."""


def order(
    tx: Session,
    question_id: int,
    trigger: str = "command",
    recipe: Recipe = Recipe.AUTO,
    tuned: dict[str, Any] | None = None,
    hold: float | None = None,
    run: str | None = None,
) -> Round:
    """Queues a round, for all that share the question.

    `tuned` are settings that it tries out; None takes those that are in force. With `hold` a challenger that passes the
    gate waits so many seconds for `promote`. A `run` that asks again is given its round, unless that failed.

    Raises NotFound, and Conflict where one is active, no project that asks the question is connected, or the labels do
    not suffice for a round that could be promoted.
    """
    question, project = projects.lock_question(tx, question_id)
    if not question.active:
        raise Conflict(f"question {question.name!r} is not asked any more; its labels and checkpoints are kept")
    if not champion_groups.live(tx, question):
        raise Conflict(f"project {project.title or project.id} is {project.state}; connect it first")
    question = champion_groups.home(tx, question)
    known = pipeline_orders.latest(tx, Round, question, run)
    if known is not None and known.state != RoundState.FAILED:
        return known
    short = None if trigger in AUTOMATIC or recipe is not Recipe.AUTO else evidence.problem(tx, question)
    if short:
        raise Conflict(f"no round can start: {short}")
    number = tx.scalar(select(func.count()).where(Round.question_id == question.id)) or 0
    found = Round(
        project_id=question.project_id,
        question_id=question.id,
        trigger=trigger,
        recipe=recipe,
        champion_id=question.champion_id,
        version=version_names.checkpoint(question.project_id, question.name, number + 1),
        tuned=(tuned or question.tuned) if recipe is Recipe.AUTO else None,
        hold=hold,
        run=run,
    )
    try:
        with tx.begin_nested():
            tx.add(found)
    except IntegrityError:
        raise Conflict(f"a round of question {question.name!r} is active already; wait for it or cancel it") from None
    _pin(tx, question, False)
    if trigger not in AUTOMATIC:
        question.counted_from = 0
    tx.flush()
    return found


def cancel(tx: Session, round_id: int, reason: str = "it was cancelled") -> Round:
    """Ends a round now; the worker stops its job within seconds. Raises NotFound, and Conflict where it has ended."""
    found = tx.get(Round, round_id)
    if found is None:
        raise NotFound(f"there is no round {round_id}")
    question, _ = projects.lock_question(tx, found.question_id)
    tx.refresh(found, with_for_update=True)
    if found.state not in ACTIVE:
        raise Conflict(f"round {round_id} has ended already: {found.state}")
    found.state, found.reason, found.ended_at = RoundState.CANCELLED, reason, now()
    found.progress_token = None
    # the labels that are there now are no reason to start the same round at once again
    question.counted_from = champion_groups.last_event(tx, question)
    champion_groups.decide(tx, question, "cancelled", reason, {"round": found.id, "version": found.version})
    return found


def promote(tx: Session, round_id: int) -> Round:
    """Has the worker promote a round that is held; once more for one that it promotes, or has, changes nothing.

    Raises NotFound, and Conflict for any other.
    """
    found = tx.get(Round, round_id)
    if found is None:
        raise NotFound(f"there is no round {round_id}")
    projects.lock_question(tx, found.question_id)
    tx.refresh(found, with_for_update=True)
    released = found.state == RoundState.GATING and found.held_until is not None
    if released or found.state == RoundState.PROMOTED:
        return found
    if found.state != RoundState.HELD:
        raise Conflict(f"round {round_id} is {found.state}; only one that is held can be promoted")
    # the gate looks once more: what it goes by may be another one by now
    found.state, found.hold = RoundState.GATING, None
    return found


def lapse(tx: Session, round_id: int) -> None:
    """Nobody has promoted it in time. Raises Conflict where it is not held any more."""
    found = tx.get_one(Round, round_id)
    projects.lock_question(tx, found.question_id)
    tx.refresh(found, with_for_update=True)
    if found.state != RoundState.HELD:
        raise Conflict(f"round {round_id} is {found.state} now")
    cancel(tx, round_id, "it passed the gate, and nobody promoted it in time; order another one")


def active(session: Session, question: QuestionRow) -> Round | None:
    """The round that is under way, or held, whichever project it belongs to."""
    query = select(Round).where(Round.question_id == (question.home_id or question.id), Round.state.in_(ACTIVE))
    return session.scalars(query).first()


def close_run(tx: Session, question_id: int, run: str, reason: str) -> Round | None:
    """Ends what a run of a pipeline has ordered and left under way, and forgets that it was its; None where nothing is.

    Raises NotFound.
    """
    question, _ = projects.lock_question(tx, question_id)
    found = pipeline_orders.latest(tx, Round, question, run)
    if found is None or found.state not in ACTIVE or (found.state == RoundState.GATING and found.held_until):
        return None
    cancelled = cancel(tx, found.id, reason)
    cancelled.run = None
    return cancelled


def rollback(tx: Session, question_id: int, version: str | None = None, by: str = "someone") -> CheckpointRow:
    """Serves an earlier checkpoint (None: the one before the champion), as a new generation.

    A running round is cancelled, and the question is pinned: no automatic round starts until as many labels as the
    policy asks for have come since, or until somebody orders one. Raises NotFound and Conflict.
    """
    asked, _ = projects.lock_question(tx, question_id)
    question = champion_groups.home(tx, asked)
    target = _target(tx, question, version)
    replaced = None if question.champion_id is None else tx.get(CheckpointRow, question.champion_id)
    # what is served and how it was learnt go together
    question.tuned = tx.scalar(select(Round.tuned).where(Round.version == target.version))
    for active in tx.scalars(select(Round).where(Round.question_id == question.id, Round.state.in_(ACTIVE))):
        cancel(tx, active.id, f"the question was rolled back to {target.version}")
    _pin(tx, question, True)
    question.counted_from = champion_groups.last_event(tx, question)
    reason = f"{by} asked for {target.version} instead of {replaced.version if replaced else 'nothing'}"
    named = champion_groups.serve(tx, question, target.id, f"rollback: {reason}")
    details = {"version": target.version, "replaced": replaced.version if replaced else None}
    champion_groups.decide(tx, question, "rolled back", reason, details, named)
    return target


def checkpoints(session: Session, question_id: int) -> list[CheckpointRow]:
    """A question's checkpoints, the newest first; those whose files were cleared away are left out."""
    return [
        row
        for row in champion_groups.checkpoints(session, session.get_one(QuestionRow, question_id))
        if not row.removed
    ]


def _target(tx: Session, question: QuestionRow, version: str | None) -> CheckpointRow:
    if version is None:
        usable = {row.id: row for row in checkpoints(tx, question.id) if not row.broken}
        present = question.champion_id
        earlier = [
            number
            for number in champion_groups.served_before(tx, question)
            if number in usable and number < (present or 0)
        ]
        if not earlier:
            raise Conflict(f"question {question.name!r} has no earlier champion to go back to")
        return usable[max(earlier)]
    target = next((row for row in champion_groups.checkpoints(tx, question) if row.version == version), None)
    if target is None:
        known = ", ".join(row.version for row in checkpoints(tx, question.id)[:10]) or "none"
        raise NotFound(f"question {question.name!r} has no checkpoint {version!r:.100}; it has: {known}")
    if target.id == question.champion_id:
        raise Conflict(f"{target.version} is served already")
    if target.broken or target.removed:
        why = f"is broken: {target.broken}" if target.broken else "was cleared away (see LABELWHEEL_KEEP_CHECKPOINTS)"
        raise Conflict(f"{target.version} {why}")
    return target


def _pin(tx: Session, question: QuestionRow, pinned: bool) -> None:
    for row in champion_groups.members(tx, question):
        row.pinned = pinned

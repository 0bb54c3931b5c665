"""Searches as rows: each change is one transaction, so that no half of it is ever seen."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import (
    SEARCHING,
    QuestionRow,
    TrialRow,
    TrialState,
    TuningRow,
    TuningState,
    now,
)
from labelwheel.backend.errors import Conflict
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.rounds import round_commands
from labelwheel.training.spec import Tuned
from labelwheel.training.tuning.verdict import Verdict


def current(session: Session) -> TuningRow | None:
    """The search that is worked on, the oldest."""
    return session.scalars(select(TuningRow).where(TuningRow.state.in_(SEARCHING)).order_by(TuningRow.id)).first()


def ended(session: Session) -> list[TuningRow]:
    """Searches that are over and have something left to tidy up."""
    left = select(TrialRow.tuning_id).where(TrialRow.state == TrialState.RUNNING)
    query = select(TuningRow).where(
        TuningRow.state.not_in(SEARCHING),
        or_(TuningRow.handle.is_not(None), TuningRow.tidy.is_(False), TuningRow.id.in_(left)),
    )
    return list(session.scalars(query.order_by(TuningRow.id)))


def active(tx: Session, tuning_id: int, over: bool = False) -> TuningRow:
    """A search that is still wanted; raises Conflict where it is not, unless it may be `over`."""
    tuning = tx.get(TuningRow, tuning_id, populate_existing=True, with_for_update=True)
    if tuning is None or (tuning.state not in SEARCHING and not over):
        raise Conflict(f"search {tuning_id} is {'gone' if tuning is None else tuning.state}")
    return tuning


def note_handle(tx: Session, tuning_id: int, handle: str | None) -> None:
    """The job, as its launcher calls it; nothing where the search is gone."""
    if (tuning := tx.get(TuningRow, tuning_id, with_for_update=True)) is not None:
        tuning.handle = handle


def spend(tx: Session, tuning_id: int, spent: float) -> None:
    """So many seconds of jobs by now."""
    if (tuning := tx.get(TuningRow, tuning_id, with_for_update=True)) is not None:
        tuning.spent = spent


def conclude(tx: Session, tuning_id: int, found: Verdict, best: dict[str, Any] | None) -> None:
    """The search is done: a round is ordered where that is worth it, else nothing changes."""
    tuning, question = _open(tx, tuning_id)
    reason = found.reason
    if found.worth and best is not None:
        try:
            with tx.begin_nested():
                ordered = round_commands.order(tx, question.id, "tuning", tuned=best, hold=tuning.hold, run=tuning.run)
            tuning.round_id = ordered.id
            reason = f"{Tuned.model_validate(best)}: {reason}; a round with it is ordered, and the gate decides"
        except Conflict as error:
            reason = f"{Tuned.model_validate(best)}: {reason}; but {error}, and nothing changes"
    else:
        reason = f"{reason}; nothing changes"
    told = {name: round(each, 6) if isinstance(each, float) else each for name, each in found._asdict().items()}
    tuning.tuned, tuning.verdict = best, told
    _end(tuning, TuningState.DONE, reason)
    champion_groups.decide(tx, question, "tuned", reason, {"tuning": tuning.id, "round": tuning.round_id})


def fail(tx: Session, tuning_id: int, reason: str) -> None:
    """Nothing came of it."""
    tuning, question = _open(tx, tuning_id)
    _end(tuning, TuningState.FAILED, reason)
    champion_groups.decide(tx, question, "tuning ended", f"{reason}; nothing changes", {"tuning": tuning.id})


def tidied(tx: Session, tuning_id: int) -> None:
    """Nothing is left of a search that has ended but its rows."""
    if (tuning := tx.get(TuningRow, tuning_id, with_for_update=True)) is not None:
        tuning.handle, tuning.tidy = None, True
    for row in tx.scalars(select(TrialRow).where(TrialRow.tuning_id == tuning_id)):
        if row.state in (TrialState.RUNNING, TrialState.WAITING):
            row.state, row.detail = TrialState.FAILED, "the search ended before it was measured"


def _open(tx: Session, tuning_id: int) -> tuple[TuningRow, QuestionRow]:
    found = tx.get(TuningRow, tuning_id)
    if found is None:
        raise Conflict(f"search {tuning_id} is gone")
    projects.lock(tx, found.project_id)
    return active(tx, tuning_id), tx.get_one(QuestionRow, found.question_id, populate_existing=True)


def _end(tuning: TuningRow, state: TuningState, reason: str) -> None:
    tuning.state, tuning.reason, tuning.ended_at = state, reason[:4000], now()

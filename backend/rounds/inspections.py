"""Inspections as rows: which champion is to be looked at next, and what has been found about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Text, cast, delete, func, select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import (
    WORKED_ON,
    CheckpointRow,
    Event,
    InspectionPart,
    InspectionRow,
    InspectionState,
    Project,
    QuestionRow,
    Round,
    now,
)
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import label_counts
from labelwheel.backend.rounds.data import Written

LEAST = 30
"""With fewer labelled examples there is nothing to find that chance would not bring."""

GROWN = 1.5
"""A champion that stays is looked at again after so many times the labels."""

ATTEMPTS = 3


_Q, _P, _C = QuestionRow.__table__, Project.__table__, CheckpointRow.__table__
_I, _E = InspectionRow.__table__, Event.__table__.c
_MARK = (
    select(
        _Q.c.id, _Q.c.active, _Q.c.home_id, _Q.c.champion_id, cast(_Q.c.spec, Text), _P.c.state, _P.c.changes,
        _C.c.removed, _C.c.broken.is_(None), _I.c.state, _I.c.label_count, _I.c.last_event_id,
        select(func.max(_E.id)).where(_E.project_id == _Q.c.project_id, _E.question == _Q.c.name).scalar_subquery(),
    )
    .select_from(
        _Q.join(_P, _P.c.id == _Q.c.project_id)
        .outerjoin(_C, _C.c.id == _Q.c.champion_id)
        .outerjoin(_I, _I.c.checkpoint_id == _Q.c.champion_id)
    )
    .order_by(_Q.c.id)
)  # fmt: skip


class Due(NamedTuple):
    """A question whose champion is to be looked at; `begun` is its inspection, where that was begun already."""

    question: QuestionRow
    champion: CheckpointRow
    begun: InspectionRow | None


def round_active(session: Session) -> bool:
    """Whether any round is under way, or about to be: inspections wait for it, but not for one that is held."""
    return session.scalar(select(Round.id).where(Round.state.in_(WORKED_ON)).limit(1)) is not None


def due(session: Session) -> Due | None:
    """What is looked at next: what was begun goes first, then the champions without an inspection of their labels."""
    query = select(QuestionRow).where(
        QuestionRow.active, QuestionRow.home_id.is_(None), QuestionRow.champion_id.is_not(None)
    )
    found = []
    for question in session.scalars(query.order_by(QuestionRow.id)):
        champion = session.get(CheckpointRow, question.champion_id)
        if champion is None or champion.removed or champion.broken or not champion_groups.live(session, question):
            continue
        row = of(session, champion.id)
        if row is not None and row.state == InspectionState.RUNNING:
            return Due(question, champion, row)
        found.append((question, champion, row))
    for question, champion, row in found:
        last = champion_groups.last_event(session, question)
        if row is not None and row.last_event_id == last:
            continue
        if _labels(session, question, champion) >= (LEAST if row is None else GROWN * max(row.label_count, LEAST)):
            return Due(question, champion, None)
    return None


def mark(connection: Connection) -> tuple[object, ...]:
    """Changes whenever `due` might: one statement about all questions."""
    return tuple(tuple(row) for row in connection.execute(_MARK))


def of(session: Session, checkpoint_id: int) -> InspectionRow | None:
    """A checkpoint's inspection."""
    return session.scalars(select(InspectionRow).where(InspectionRow.checkpoint_id == checkpoint_id)).one_or_none()


def begin(tx: Session, found: Due, written: Written) -> InspectionRow:
    """Notes that an inspection is under way, in the place of the checkpoint's last one."""
    row = of(tx, found.champion.id)
    if row is None:
        row = InspectionRow(
            question_id=found.question.id, checkpoint_id=found.champion.id, version=found.champion.version
        )
        tx.add(row)
    row.state, row.problem, row.attempts = InspectionState.RUNNING, None, 0
    row.label_count, row.last_event_id = written.examples, written.last_event_id
    row.started_at, row.ended_at = now(), None
    tx.flush()
    tx.execute(delete(InspectionPart).where(InspectionPart.inspection_id == row.id))
    others = update(InspectionRow).where(
        InspectionRow.question_id == row.question_id,
        InspectionRow.id != row.id,
        InspectionRow.state == InspectionState.RUNNING,
    )
    over = {"state": InspectionState.FAILED, "problem": "another checkpoint was served before it was done"}
    tx.execute(others.values(**over, ended_at=now()))
    return row


def give_up(tx: Session, found: Due, problem: str) -> None:
    """Notes that a champion cannot be looked at: what was begun ends as it is, or one of the labels of now."""
    if found.begun is not None:
        end(tx, found.begun.id, {}, problem)
        return
    last, labels = champion_groups.last_event(tx, found.question), _labels(tx, found.question, found.champion)
    end(tx, begin(tx, found, Written(labels, last)).id, {}, problem)


def note(tx: Session, number: int, parts: Mapping[str, Mapping[str, Any]]) -> None:
    """Keeps what the sections have found so far; nothing where the row is gone, with its project."""
    if tx.get(InspectionRow, number, with_for_update=True) is not None:
        for name, part in parts.items():
            tx.merge(InspectionPart(inspection_id=number, name=name, **part))


def end(tx: Session, number: int, parts: Mapping[str, Mapping[str, Any]], problem: str | None = None) -> None:
    """The inspection is over; with a `problem` it failed, and has what was found until then."""
    note(tx, number, parts)
    if (row := tx.get(InspectionRow, number)) is not None:
        row.state = InspectionState.FAILED if problem else InspectionState.DONE
        row.problem, row.ended_at = problem, now()


def try_again(tx: Session, number: int) -> bool:
    """Whether a process that has ended too early is started once more."""
    row = tx.get(InspectionRow, number, with_for_update=True)
    if row is None:
        return False
    row.attempts += 1
    return row.attempts < ATTEMPTS


def _labels(session: Session, question: QuestionRow, champion: CheckpointRow) -> int:
    shared = champion_groups.members(session, question)
    counted = label_counts.take(session, question, shared, champion).sufficiency
    return counted.trainable + counted.held_out

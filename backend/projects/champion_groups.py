"""Champion groups: questions of several projects that ask the same, and share one champion with its rounds.

One of them is the home: rounds and checkpoints are its own, and the others point to it. A question that shares with
nobody is a group of one, so that nobody has to tell the two cases apart. Lock the project first (projects.lock): that
locks every project of the group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import (
    ACTIVE,
    CheckpointRow,
    Event,
    Generation,
    Label,
    Project,
    ProjectState,
    QuestionRow,
    Round,
    RoundState,
)
from labelwheel.backend.projects import decisions, generations, projects
from labelwheel.training.questions import Question
from labelwheel.training.spec import Recipe

LIVE = (ProjectState.CONNECTING, ProjectState.CONNECTED)


def home(session: Session, question: QuestionRow) -> QuestionRow:
    """The question that owns the champion; mostly the question itself."""
    return question if question.home_id is None else session.get_one(QuestionRow, question.home_id)


def members(session: Session, question: QuestionRow) -> list[QuestionRow]:
    """All questions that share, the home first."""
    number = question.home_id or question.id
    query = select(QuestionRow).where(or_(QuestionRow.id == number, QuestionRow.home_id == number))
    query = query.order_by(QuestionRow.home_id.is_not(None), QuestionRow.id)
    return list(session.scalars(query.execution_options(populate_existing=True)))


def others(session: Session, question: QuestionRow) -> list[tuple[Project, QuestionRow]]:
    """Whom a question shares with."""
    return [(projects.get(session, row.project_id), row) for row in members(session, question) if row.id != question.id]


def live(session: Session, question: QuestionRow) -> bool:
    """Whether any project that asks it is connected, or about to be."""
    numbers = {row.project_id for row in members(session, question)}
    return any(projects.get(session, number).state in LIVE for number in numbers)


def read_by(session: Session, project_id: int) -> list[Question]:
    """The questions of a project that are shared: what they read keeps its side of the split across projects."""
    found = [row for row in projects.questions(session, project_id) if len(members(session, row)) > 1]
    return [Question.model_validate(row.spec) for row in found]


def about(rows: Sequence[QuestionRow], table: type[Label] | type[Event]) -> ColumnElement[bool]:
    """The condition that a label, or an event, is an answer to one of these questions."""
    return or_(*(and_(table.project_id == row.project_id, table.question == row.name) for row in rows))


def last_event(session: Session, question: QuestionRow) -> int:
    """The newest event in any of the projects that share."""
    numbers = [row.project_id for row in members(session, question)]
    return session.scalar(select(func.max(Event.id)).where(Event.project_id.in_(numbers))) or 0


def seen_until(row: QuestionRow, event: int, moment: datetime | None) -> int:
    """Up to which event what was made at some moment, from all events up to `event`, knows a question's labels."""
    late = row.shared_at is not None and (moment is None or moment < row.shared_at)
    return 0 if late else event


def decided(session: Session, question: QuestionRow) -> Round | None:
    """The last round on labels that came to a decision."""
    query = select(Round).where(
        Round.question_id == (question.home_id or question.id),
        Round.recipe == Recipe.AUTO,
        Round.state.in_((RoundState.PROMOTED, RoundState.REJECTED)),
    )
    return session.scalars(query.order_by(Round.id.desc()).limit(1)).first()


def next_look(session: Session, question: QuestionRow, champion_id: int | None) -> int:
    """The how-manieth challenger of a champion comes next, of those that share a level: each is a chance for luck.

    Where there is no champion yet, it is no suggestion that they challenge, of kinds that are held against that.
    """
    query = select(func.max(Round.look)).where(
        Round.question_id == (question.home_id or question.id),
        Round.champion_id == champion_id,
        Round.state.not_in(ACTIVE),  # one that was held is compared again when it is promoted, as the same
    )
    return 1 + (session.scalar(query) or 0)


def served_before(session: Session, question: QuestionRow) -> list[int]:
    """The ids of the checkpoints that were champions of a question, the latest first, each once."""
    first = home(session, question)
    query = select(Generation.members).where(Generation.project_id == first.project_id).order_by(Generation.id.desc())
    served = (members.get(first.name) for members in session.scalars(query))
    return list(dict.fromkeys(number for number in served if number is not None))


def checkpoints(session: Session, question: QuestionRow) -> list[CheckpointRow]:
    """All checkpoints of a question, the newest first: its home's, and those of others that it was served with."""
    first = home(session, question)
    mine = or_(CheckpointRow.question_id == first.id, CheckpointRow.id.in_(served_before(session, first)))
    return list(session.scalars(select(CheckpointRow).where(mine).order_by(CheckpointRow.id.desc())))


def serve(tx: Session, question: QuestionRow, champion_id: int | None, reason: str) -> dict[int, str]:
    """Makes a checkpoint the champion of all that share; returns the new generation's name by project."""
    changed = [row for row in members(tx, question) if row.champion_id != champion_id]
    for row in changed:
        row.champion_id = champion_id
    tx.flush()
    # disconnected projects too: they are served with it as soon as they are connected again
    found = (projects.get(tx, number) for number in sorted({row.project_id for row in changed}))
    return {project.id: generations.create(tx, project, reason).name for project in found}


def decide(
    tx: Session,
    question: QuestionRow,
    kind: str,
    reason: str,
    details: Mapping[str, Any] | None = None,
    named: Mapping[int, str] | None = None,
) -> None:
    """A line in the log of each project that shares; `named` has the generation that is new there."""
    for row in members(tx, question):
        own = {"generation": named[row.project_id]} if named and row.project_id in named else {}
        decisions.decide(tx, projects.get(tx, row.project_id), row.name, kind, reason, {**(details or {}), **own})


def leave(tx: Session, question: QuestionRow, reason: str) -> None:
    """Ends the sharing for one question: it goes on alone, and the others without it, each with the champion it has."""
    rows = members(tx, question)
    if len(rows) < 2:
        return
    last = decided(tx, question)
    counted = max(rows[0].counted_from, last.last_event_id if last else 0)
    decide(tx, question, "no longer shared", reason)
    rest = [row for row in rows if row.id != question.id]
    alone = rest[0] if question.home_id is None else question
    heirs = rest[1:] if question.home_id is None else []
    alone.home_id, alone.shared_at, alone.counted_from = None, None, counted
    for row in heirs:
        row.home_id = alone.id
    tx.flush()

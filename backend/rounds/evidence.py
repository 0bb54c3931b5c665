"""What the policy looks at: how many new labels there are, how the last rounds went, what is served."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from backend import clock
from backend.ledger import lineages
from backend.ledger.tables import (
    ACTIVE,
    CheckpointRow,
    Event,
    ExampleRow,
    Label,
    QuestionRow,
    Round,
    RoundState,
)
from backend.rounds.policy import Evidence, threshold
from backend.settings import Settings
from training.questions import Kind, Question
from training.spec import Recipe

NAMED = (Kind.CHOICE, Kind.CHOICES, Kind.TAXONOMY)
"""The kinds of question that can be answered from the names of their options alone."""

_LOOK_BACK = 20


def gather(session: Session, question: QuestionRow, settings: Settings) -> Evidence:
    """The evidence about one question, of this moment: that of all that share it."""
    question, shared = lineages.home(session, question), lineages.members(session, question)
    spec = Question.model_validate(question.spec)
    champion = None if question.champion_id is None else session.get(CheckpointRow, question.champion_id)
    rounds = list(
        session.scalars(
            select(Round).where(Round.question_id == question.id).order_by(Round.id.desc()).limit(_LOOK_BACK)
        )
    )
    decided = lineages.decided(session, question)
    trained = decided.label_count if decided else None
    needed = threshold(trained, question.pinned, settings)
    new, newest, reached = _new_labels(session, shared, decided, needed)
    failures, failed = _failures([found for found in rounds if found.recipe == Recipe.AUTO])
    names_failures, names_failed = _failures([found for found in rounds if found.recipe == Recipe.NAMES])
    return Evidence(
        named=spec.kind in NAMED,
        active=any(found.state in ACTIVE for found in rounds),
        champion=champion.recipe if champion else None,
        outdated=champion is not None and champion.digest != spec.digest,
        tried=any(found.digest == spec.digest and found.state not in ACTIVE for found in rounds),
        trained=trained,
        total=_total(session, shared),
        new=new,
        varied=_varied(session, shared, spec),
        newest=_ago(newest),
        reached=_ago(reached),
        pinned=question.pinned,
        failures=failures,
        failed=failed,
        names_failures=names_failures,
        names_failed=names_failed,
    )


def _new_labels(
    session: Session, shared: Sequence[QuestionRow], decided: Round | None, needed: int
) -> tuple[int, datetime | None, datetime | None]:
    """How many examples have a label that the last decided round had not; when the last one came, and when they became
    enough."""
    last = func.max(Label.event_id).label("last")
    query = (
        select(last)
        .join(ExampleRow, and_(ExampleRow.project_id == Label.project_id, ExampleRow.key == Label.example_key))
        .where(or_(*(_newer(row, shared[0].counted_from, decided) for row in shared)))
        .where(ExampleRow.gone.is_(False))
        .group_by(Label.project_id, Label.example_key)
    )
    count = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    newest = session.scalar(query.order_by(last.desc()).limit(1))
    enough = session.scalar(query.order_by(last).offset(needed - 1).limit(1))
    events = [None if number is None else session.get(Event, number) for number in (newest, enough)]
    return count, *(event.recorded_at if event else None for event in events)  # type: ignore[return-value]


def _newer(row: QuestionRow, counted_from: int, decided: Round | None) -> ColumnElement[bool]:
    seen = lineages.seen_until(row, decided.last_event_id, decided.started_at) if decided else 0
    return and_(lineages.about([row], Label), Label.event_id > max(counted_from, seen))


def _ago(then: datetime | None) -> float | None:
    return None if then is None else clock.age(then)


def _total(session: Session, shared: Sequence[QuestionRow]) -> int:
    labelled = select(Label.project_id, Label.example_key).where(lineages.about(shared, Label)).distinct()
    return session.scalar(select(func.count()).select_from(labelled.subquery())) or 0


def _varied(session: Session, shared: Sequence[QuestionRow], spec: Question) -> bool:
    # PostgreSQL cannot compare JSON, its text it can
    answer = cast(Label.answer, Text)
    query = select(answer).where(lineages.about(shared, Label)).distinct()
    if spec.kind is Kind.SPANS:
        return bool(session.scalars(query.where(answer != "[]").limit(1)).all())
    return len(session.scalars(query.limit(2)).all()) > 1


def _failures(rounds: Sequence[Round]) -> tuple[int, float]:
    """How many of the latest rounds failed in a row, and how long ago the last one did."""
    count, last = 0, None
    for found in rounds:
        if found.state in (RoundState.PROMOTED, RoundState.REJECTED):
            break
        if found.state == RoundState.FAILED:
            count, last = count + 1, last or found.ended_at
    return count, clock.age(last) if last else 0.0

"""How many examples, labels and works there are: what `status` counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Text, and_, cast, func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import ExampleRow, Label, Project, QuestionRow, WorkRow
from labelwheel.backend.ledger import blind_share
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Example, Question

_REASONS = 10
_LATEST = 100
"""So many rejected works are looked through for different reasons."""


def examples(session: Session, project_id: int, blind: float = 0.0) -> dict[str, int]:
    """Of the examples that are there: how many, on which side, how many are labelled; and how many are gone.

    `blind` of those that are held out get no suggestion, where that share of all is wanted.
    """
    query = select(ExampleRow.part, ExampleRow.gone, func.count()).where(ExampleRow.project_id == project_id)
    counts = Counter({"total": 0, "gone": 0, "train": 0, "held_out": 0, "apart": 0})
    for part, gone, count in session.execute(query.group_by(ExampleRow.part, ExampleRow.gone)):
        for name in ("gone",) if gone else ("total", part):
            counts[name] += count
    labelled = _labelled(project_id).with_only_columns(func.count(func.distinct(ExampleRow.id)))
    counts["labelled"] = session.scalar(labelled) or 0
    blank = select(func.count()).where(
        ExampleRow.project_id == project_id, ExampleRow.gone.is_(False), *blind_share.are_blind(blind)
    )
    counts["blind"] = session.scalar(blank) or 0
    return dict(counts)


def work(session: Session, project: Project) -> dict[str, Any]:
    """People's work that is there; `rejected` counts it, `reasons` has examples of why."""
    query = select(WorkRow.skipped, func.count()).where(WorkRow.project_id == project.id, WorkRow.gone.is_(False))
    counts = {row[0]: row[1] for row in session.execute(query.group_by(WorkRow.skipped))}
    with_reasons = (
        WorkRow.project_id == project.id, WorkRow.gone.is_(False), cast(WorkRow.rejected, Text).not_in(("[]", "null"))
    )  # fmt: skip
    rejected = session.scalar(select(func.count()).where(*with_reasons)) or 0
    latest = select(WorkRow.rejected).where(*with_reasons).order_by(WorkRow.id.desc()).limit(_LATEST)
    reasons = list(dict.fromkeys(reason for found in session.scalars(latest) for reason in found))[:_REASONS]
    return {
        "total": sum(counts.values()),
        "skipped": counts.get(True, 0),
        "rejected": rejected,
        "reasons": reasons,
    }


def labels(session: Session, question: QuestionRow) -> dict[str, int]:
    """Labelled examples by side; `disagreement` counts those on which several people gave different answers.

    `blind` are those that somebody labelled without a suggestion in sight.
    """
    counts = {"total": 0, "train": 0, "held_out": 0, "apart": 0}
    parts = _labelled(question.project_id, question.name)
    parts = parts.with_only_columns(ExampleRow.part, func.count(func.distinct(ExampleRow.id))).group_by(ExampleRow.part)
    for part, count in session.execute(parts):
        counts[part] = count
        counts["total"] += count
    blind = _labelled(question.project_id, question.name).where(Label.blind)
    counts["blind"] = session.scalar(blind.with_only_columns(func.count(func.distinct(ExampleRow.id)))) or 0
    return counts | {"disagreement": _disagreement(session, question)}


def _disagreement(session: Session, question: QuestionRow) -> int:
    # in one pass: with a subquery of keys, a database without statistics looks through all labels for each of them
    first, last = (which(Label.annotator).over(partition_by=Label.example_key) for which in (func.min, func.max))
    given = (
        select(Label.example_key, Label.answer, first.label("first"), last.label("last"))
        .where(Label.project_id == question.project_id, Label.question == question.name)
        .subquery()
    )
    query = select(given.c.example_key, given.c.answer).where(given.c.first != given.c.last)
    answers: dict[str, list[Any]] = {}
    for key, answer in session.execute(query):
        answers.setdefault(key, []).append(answer)
    different = {key: given for key, given in answers.items() if any(one != given[0] for one in given)}
    spec = Question.model_validate(question.spec)
    if not kind_of(spec).needs_text:
        return len(different)
    return sum(not _alike(spec, example, different[example.key]) for example in _examples(session, question, different))


def _examples(session: Session, question: QuestionRow, keys: Iterable[str]) -> Iterator[Example]:
    for piece in sliced(keys):
        query = select(ExampleRow.key, ExampleRow.fields).where(
            ExampleRow.project_id == question.project_id, ExampleRow.key.in_(piece)
        )
        for key, fields in session.execute(query):
            yield Example(key=key, fields=fields)


def _alike(spec: Question, example: Example, answers: Sequence[Any]) -> bool:
    first, *others = (spec.comparable(answer, example) for answer in answers)
    return all(other == first for other in others)


def _labelled(project_id: int, question: str | None = None) -> Any:
    query = (
        select(ExampleRow.id)
        .join(Label, and_(Label.project_id == ExampleRow.project_id, Label.example_key == ExampleRow.key))
        .where(ExampleRow.project_id == project_id, ExampleRow.gone.is_(False))
    )
    return query if question is None else query.where(Label.question == question)

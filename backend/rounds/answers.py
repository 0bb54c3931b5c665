"""What people answered to a question, as the home of all that share it reads and names it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import and_, exists, select
from sqlalchemy.orm import Session

from labelwheel.backend import clock
from labelwheel.backend.database.tables import CheckpointRow, Event, ExampleRow, Label, QuestionRow
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.evaluation.named_slices import SEVERAL
from labelwheel.training.kinds.agreement import Vote
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import Part

_AT_ONCE = 500
_AGES = ((7, "under a week"), (30, "a week to a month"))
_OLDEST = "over a month"


class Answered(NamedTuple):
    """One example with the answers that fit; `fresh` tells that the champion cannot have learnt from it.

    `blind` tells that nobody who answered could see a suggestion.
    `key` is its own in its project, `event` the newest that is about its labels.
    """

    key: str
    event: int
    example: Example
    votes: list[Vote]
    part: Part
    group: str
    fresh: bool
    blind: bool
    slices: dict[str, str]


def read(
    session: Session,
    question: QuestionRow,
    spec: Question,
    champion: CheckpointRow | None,
    shared: bool,
    keys: Sequence[str] | None = None,
) -> Iterator[Answered]:
    """The labelled examples of one project; `spec` is the home's, and says what the examples' fields are called.

    Where a question is `shared`, keys and annotators get names that are not those of another project's. With `keys`
    only those examples are read.
    """
    if keys is not None and len(keys) > _AT_ONCE:
        for start in range(0, len(keys), _AT_ONCE):
            yield from read(session, question, spec, champion, shared, keys[start : start + _AT_ONCE])
        return
    own, project = Question.model_validate(question.spec), projects.get(session, question.project_id)
    people: dict[str, int] = {}
    seen = _seen(session, question, champion, keys)
    for row, labels in _rows(session, question, keys):
        example, place = Example(key=row.key, fields=row.fields), ""
        slices = (row.columns or {}) | _slices(labels, people)
        if shared:
            example = spec.posed(own, Example(key=f"{project.id}/{row.key}", fields=row.fields))
            # the same person may work in two projects of one tool
            place = f"{project.tool} {project.url} "
            if slices["annotator"] != SEVERAL:
                slices["annotator"] += f" of project {project.id}"
            slices["project"] = f"{project.title or project.external_id} ({project.id})"
        votes = _votes(spec, example, labels, place)
        if votes:
            event = max(label.event_id for label in labels)
            fresh, blind = row.key not in seen, all(label.blind for label in labels)
            yield Answered(row.key, event, example, votes, Part(row.part), row.group, fresh, blind, slices)


def texts(session: Session, question: QuestionRow) -> Iterator[tuple[str, ...]]:
    """What the question reads in each of its labelled examples."""
    own = Question.model_validate(question.spec)
    label = exists().where(
        Label.project_id == ExampleRow.project_id, Label.example_key == ExampleRow.key, Label.question == question.name
    )
    query = select(ExampleRow.fields).where(
        ExampleRow.project_id == question.project_id, ExampleRow.gone.is_(False), label
    )
    for fields in session.scalars(query.execution_options(yield_per=500)):
        yield own.texts(Example(key="", fields=fields))


def _rows(
    session: Session, question: QuestionRow, keys: Sequence[str] | None
) -> Iterator[tuple[ExampleRow, list[Label]]]:
    """Every example that is there and labelled, with its labels."""
    query = (
        select(ExampleRow, Label)
        .join(Label, and_(Label.project_id == ExampleRow.project_id, Label.example_key == ExampleRow.key))
        .where(ExampleRow.project_id == question.project_id, ExampleRow.gone.is_(False))
        .where(Label.question == question.name)
        .order_by(ExampleRow.id, Label.made_at, Label.id)
    )
    if keys is not None:
        query = query.where(ExampleRow.key.in_(keys))
    rows = session.execute(query.execution_options(yield_per=500))
    for _, group in groupby(rows, key=lambda row: row[0].id):
        found = list(group)
        yield found[0][0], [row[1] for row in found]


def _slices(labels: list[Label], people: dict[str, int]) -> dict[str, str]:
    """How an example's labels came about: the newest one's origin and age, and by whom.

    `people` numbers annotators as they are met: reports go where their names should not.
    """
    numbers = {people.setdefault(label.annotator, len(people) + 1) for label in labels}
    days = clock.age(labels[-1].made_at) / 86_400
    return {
        "origin": labels[-1].origin or "made",
        "label age": next((name for limit, name in _AGES if days < limit), _OLDEST),
        "annotator": f"person {min(numbers)}" if len(numbers) == 1 else SEVERAL,
    }


def _votes(spec: Question, example: Example, labels: list[Label], place: str) -> list[Vote]:
    """The answers that fit the question and the text of today."""
    usable = []
    for label in labels:
        try:
            answer = spec.comparable(spec.check(label.answer, example), example)
        except InvalidAnswer:
            continue
        usable.append(Vote(f"{place}{label.annotator}", answer, label.made_at))
    return usable


def _seen(
    session: Session, question: QuestionRow, champion: CheckpointRow | None, keys: Sequence[str] | None
) -> set[str]:
    """The examples whose label the champion may have learnt, also those that were changed or deleted since."""
    until = champion_groups.seen_until(question, champion.last_event_id, champion.created_at) if champion else 0
    query = select(Event.example_key).where(champion_groups.about([question], Event), Event.id <= until)
    if keys is not None:
        query = query.where(Event.example_key.in_(keys))
    return set(session.scalars(query.distinct())) if until else set()

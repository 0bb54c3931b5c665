"""The data file of a job: every example of a question with the answer that people agreed on, as JSON lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from backend.ledger.agreement import Vote, agree
from backend.ledger.tables import CheckpointRow, Event, ExampleRow, Label, QuestionRow
from training.errors import InvalidAnswer
from training.questions import Example, Question
from training.spec import LabelledExample, Part


class Written(NamedTuple):
    """What a data file holds: so many `examples`, labels up to the event `last_event_id`."""

    examples: int
    last_event_id: int


def write(session: Session, question: QuestionRow, champion: CheckpointRow | None, path: Path) -> Written:
    """Writes the file, whole or not at all."""
    last = session.scalar(select(func.max(Event.id)).where(Event.project_id == question.project_id)) or 0
    learnt = champion.last_event_id if champion else 0
    count, temporary = 0, path.with_suffix(".writing")
    with temporary.open("w", encoding="utf-8") as file:
        for row in labelled(session, question, learnt):
            file.write(row.model_dump_json() + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return Written(count, last)


def labelled(session: Session, question: QuestionRow, learnt: int = 0) -> Iterator[LabelledExample]:
    """The examples that can be learnt from; answers that do not fit the question or the text of today are left out.

    An example is `fresh` where nobody had labelled it up to the event `learnt`.
    """
    spec = Question.model_validate(question.spec)
    known_to_champion = _labelled_until(session, question, learnt)
    for example, labels in votes(session, question):
        known = Example(key=example.key, fields=example.fields)
        usable = _usable(spec, known, labels)
        if not usable:
            continue
        yield LabelledExample(
            example=known,
            answer=spec.check(agree(spec.kind, usable).answer, known),
            part=Part(example.part),
            group=example.group,
            fresh=example.key not in known_to_champion,
            slices={"origin": labels[-1].origin or "made"},
        )


def votes(session: Session, question: QuestionRow) -> Iterator[tuple[ExampleRow, list[Label]]]:
    """Every example that is there and labelled, with its labels."""
    query = (
        select(ExampleRow, Label)
        .join(Label, and_(Label.project_id == ExampleRow.project_id, Label.example_key == ExampleRow.key))
        .where(ExampleRow.project_id == question.project_id, ExampleRow.gone.is_(False))
        .where(Label.question == question.name)
        .order_by(ExampleRow.id, Label.made_at, Label.id)
    )
    rows = session.execute(query.execution_options(yield_per=500))
    for _, group in groupby(rows, key=lambda row: row[0].id):
        found = list(group)
        yield found[0][0], [row[1] for row in found]


def _usable(spec: Question, example: Example, labels: list[Label]) -> list[Vote]:
    usable = []
    for label in labels:
        try:
            answer = spec.check(label.answer, example)
        except InvalidAnswer:
            continue
        usable.append(Vote(label.annotator, answer, label.made_at))
    return usable


def _labelled_until(session: Session, question: QuestionRow, event: int) -> set[str]:
    """The examples that had a label by then, also those that were changed or deleted since."""
    query = select(Event.example_key).where(
        Event.project_id == question.project_id, Event.question == question.name, Event.id <= event
    )
    return set(session.scalars(query.distinct())) if event else set()

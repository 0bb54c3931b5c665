"""The data file of a job: every example of a question with the answer that people agreed on, as JSON lines."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import answers
from labelwheel.backend.rounds.answers import Answered
from labelwheel.training.kinds.agreement import agree
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Part


class Written(NamedTuple):
    """What a data file holds: so many `examples`, labels up to the event `last_event_id`."""

    examples: int
    last_event_id: int


def write(session: Session, question: QuestionRow, champion: CheckpointRow | None, path: Path) -> Written:
    """Writes the file, whole or not at all."""
    last = champion_groups.last_event(session, question)
    count, temporary = 0, path.with_suffix(".writing")
    with temporary.open("w", encoding="utf-8") as file:
        for row in labelled(session, question, champion):
            file.write(row.model_dump_json() + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return Written(count, last)


def labelled(
    session: Session, question: QuestionRow, champion: CheckpointRow | None = None
) -> Iterator[LabelledExample]:
    """The examples that can be learnt from, of all projects that share the question.

    A text that is labelled in several of them is one example: all its annotators decide together.
    """
    shared = champion_groups.members(session, question)
    spec = Question.model_validate(shared[0].spec)
    common = _common(session, shared)
    together: dict[str, list[Answered]] = {}
    for row in shared:
        for found in answers.read(session, row, spec, champion, shared=len(shared) > 1):
            name = _name(spec.texts(found.example)) if common else ""
            if name in common:
                together.setdefault(name, []).append(found)
            else:
                yield learnable(spec, [found])
    for same in together.values():
        yield learnable(spec, same)


def learnable(spec: Question, same: Sequence[Answered]) -> LabelledExample:
    """One example, as all its annotators together answer it; `same` is where it was labelled, mostly one place."""
    first, parts = same[0], {found.part for found in same}
    slices = {
        key: value if all(found.slices[key] == value for found in same) else "several"
        for key, value in first.slices.items()
    }
    return LabelledExample(
        example=first.example,
        answer=spec.check(agree(spec.kind, [vote for found in same for vote in found.votes]).answer, first.example),
        part=first.part if len(parts) == 1 else Part.APART,
        group=first.group,
        fresh=all(found.fresh for found in same),
        slices=slices,
    )


def _common(session: Session, shared: Sequence[QuestionRow]) -> set[str]:
    """The texts that are labelled in more than one project, by name."""
    if len(shared) < 2:
        return set()
    seen: set[str] = set()
    common: set[str] = set()
    for row in shared:
        own = {_name(texts) for texts in answers.texts(session, row)}
        common |= own & seen
        seen |= own
    return common


def _name(texts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()

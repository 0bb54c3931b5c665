"""The files of a job, as JSON lines: every example of a question with the answer that people agreed on, and some more.

The others have no answer yet: they say what the project's texts are like.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.ledger import unlabelled
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import answers
from labelwheel.backend.rounds.answers import Answered
from labelwheel.training.evaluation.named_slices import SEVERAL
from labelwheel.training.kinds.agreement import agree
from labelwheel.training.questions import Example, Frozen, Question
from labelwheel.training.spec import LabelledExample, Part

MOST_UNLABELLED = 2_000
"""So many examples without an answer are handed over at most."""


class Written(NamedTuple):
    """What a data file holds: so many `examples`, by their side, and labels up to the event `last_event_id`."""

    examples: int
    last_event_id: int
    parts: Mapping[Part, int] = MappingProxyType({})


def write(session: Session, question: QuestionRow, champion: CheckpointRow | None, path: Path) -> Written:
    """Writes the file, whole or not at all."""
    last = champion_groups.last_event(session, question)
    parts: Counter[Part] = Counter()

    def rows() -> Iterator[LabelledExample]:
        for row in labelled(session, question, champion):
            parts[row.part] += 1
            yield row

    return Written(_write(path, rows()), last, parts)


def write_training(session: Session, question: QuestionRow, path: Path) -> Written:
    """The same without what is held out or set apart: for what may not see it, whatever it does with it."""
    last = champion_groups.last_event(session, question)
    rows = (row for row in labelled(session, question) if row.part is Part.TRAIN)
    return Written(_write(path, rows), last)


def write_unlabelled(session: Session, question: QuestionRow, seed: int, path: Path) -> int:
    """Writes examples without an answer, whole or not at all; how many there are."""
    return _write(path, unanswered(session, question, seed))


def unanswered(session: Session, question: QuestionRow, seed: int) -> Iterator[Example]:
    """Examples that nobody has answered, by chance, with what the question reads of them and no more.

    Of all projects that share the question, as their home reads them; `unlabelled.draw` says which.
    """
    shared = champion_groups.members(session, question)
    spec = Question.model_validate(shared[0].spec)
    own = {row.id: Question.model_validate(row.spec) for row in shared}
    for row, found in unlabelled.draw(session, shared, MOST_UNLABELLED, seed):
        key = f"{row.project_id}/{found.key}" if len(shared) > 1 else found.key
        example = spec.posed(own[row.id], Example(key=key, fields=found.fields))
        if any(example.fields.values()):
            yield example


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
    values: dict[str, set[str]] = {}
    for name, value in (each for found in same for each in found.slices.items()):
        values.setdefault(name, set()).add(value)
    return LabelledExample(
        example=first.example,
        answer=spec.check(agree(spec.kind, [vote for found in same for vote in found.votes]).answer, first.example),
        part=first.part if len(parts) == 1 else Part.APART,
        group=first.group,
        fresh=all(found.fresh for found in same),
        blind=all(found.blind for found in same),
        slices={name: min(found) if len(found) == 1 else SEVERAL for name, found in values.items()},
    )


def _write(path: Path, rows: Iterable[Frozen]) -> int:
    count, temporary = 0, path.with_suffix(".writing")
    with temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(row.model_dump_json() + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return count


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

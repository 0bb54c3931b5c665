"""The examples that several people answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Label, QuestionRow
from labelwheel.backend.rounds import answers
from labelwheel.training.kinds.agreement import Vote
from labelwheel.training.questions import Answer, Example, Question

NEWEST = 2000
"""So many are looked at, those labelled last."""


class Shared(NamedTuple):
    """An example with the latest answer of each annotator, the oldest answer first; and its near-duplicates' group."""

    example: Example
    group: str
    answers: Mapping[str, Answer]


def read(session: Session, row: QuestionRow) -> list[Shared]:
    """Those of a question; answers that do not fit it any more are left out."""
    query = (
        select(Label.example_key)
        .where(Label.project_id == row.project_id, Label.question == row.name)
        .group_by(Label.example_key)
        .having(func.count(func.distinct(Label.annotator)) > 1)
        .order_by(func.max(Label.event_id).desc())
        .limit(NEWEST)
    )
    keys = list(session.scalars(query))
    if not keys:
        return []
    found = answers.read(session, row, Question.model_validate(row.spec), None, shared=False, keys=keys)
    shared = [Shared(each.example, each.group, latest(each.votes)) for each in found]
    return [each for each in shared if len(each.answers) > 1]


def latest(votes: Sequence[Vote]) -> dict[str, Answer]:
    """The newest answer of each annotator, the oldest first."""
    found: dict[str, Answer] = {}
    for vote in sorted(votes, key=lambda vote: vote.made_at):
        found.pop(vote.annotator, None)
        found[vote.annotator] = vote.answer
    return found

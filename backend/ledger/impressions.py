"""Which suggestions were filled in when: what people began with, where their labelling tool does not say it itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import Impression
from labelwheel.plugins.connector import Work
from labelwheel.training.questions import Answer, Example, Question

NONE = ""
"""In the place of a version: nothing is shown for a blind example, whatever was shown before."""

KEPT = 4
"""So many versions are remembered per example: answers reach the ledger long before there are more."""


NO_SCORES: Mapping[str, Mapping[str, float]] = {}


class Start(NamedTuple):
    """What an answer started from: a version, and what it suggested; None where that was nothing."""

    version: str | None
    suggested: Answer | None

    def origin(self, question: Question, example: Example, answer: Answer) -> str:
        """What became of it."""
        if self.suggested is None:
            return "made"
        same = question.comparable(self.suggested, example) == question.comparable(answer, example)
        return "accepted" if same else "changed"


NOWHERE = Start(None, None)


def note(
    tx: Session,
    project_id: int,
    version: str,
    answers: Mapping[str, Mapping[str, Answer]],
    at: datetime,
    scores: Mapping[str, Mapping[str, float]] = NO_SCORES,
) -> None:
    """Remembers what a version shows from now on: answers and their scores in [0, 1] by question, by example.

    The same version once more changes its answers, not since when they are shown.
    """
    rows = _rows(tx, project_id, list(answers))
    for key, shown in answers.items():
        known = rows[key]
        row = next((each for each in known if each.version == version), None)
        if row is None:
            row = Impression(project_id=project_id, example_key=key, version=version, shown_at=at)
            tx.add(row)
            known.append(row)
        row.answers, row.scores = dict(shown), dict(scores.get(key, {}))
    old = [row.id for known in rows.values() for row in sorted(known, key=lambda row: row.shown_at)[:-KEPT] if row.id]
    for piece in sliced(old):
        tx.execute(delete(Impression).where(Impression.id.in_(piece)))
    tx.flush()


def withdraw(tx: Session, project_id: int, version: str, keys: Iterable[str], at: datetime) -> None:
    """Forgets what was noted at a moment and then not shown; what the version had shown before stays."""
    for piece in sliced(keys):
        tx.execute(
            delete(Impression).where(
                Impression.project_id == project_id, Impression.example_key.in_(piece),
                Impression.version == version, Impression.shown_at == at,
            )
        )  # fmt: skip


class Trace:
    """What was shown for the examples of one page."""

    def __init__(self, tx: Session, project_id: int, examples: Iterable[str]) -> None:
        self._rows = _rows(tx, project_id, list(examples))

    def start(self, work: Work, question: Question) -> Start:
        """What was shown when an answer was given."""
        before = [row for row in self._rows[work.example] if row.shown_at <= work.updated_at]
        if not before:
            return NOWHERE
        last = max(before, key=lambda row: row.shown_at)
        if last.version == NONE:
            return NOWHERE
        return Start(last.version, last.answers.get(question.name))


def _rows(tx: Session, project_id: int, examples: list[str]) -> dict[str, list[Impression]]:
    found: dict[str, list[Impression]] = defaultdict(list)
    for piece in sliced(examples):
        for row in tx.scalars(
            select(Impression).where(Impression.project_id == project_id, Impression.example_key.in_(piece))
        ):
            found[row.example_key].append(row)
    return found

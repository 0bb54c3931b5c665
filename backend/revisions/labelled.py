"""The labelled examples of one question in memory, kept in step with the ledger: a label costs what is new.

A blind label waits until it was compared with what would have been suggested (`labelwheel.backend.suggestions.unseen`):
a head that has learnt it would agree with it. It is taken in with the next label after that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import CheckpointRow, Event, Label, QuestionRow
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.rounds import answers, data
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Part


class LabelledExamples:
    """By key, what was labelled last at the end; what belongs to neither side of the split is left out.

    So are those of the keys `apart`.
    """

    def __init__(self, apart: Collection[str] = ()) -> None:
        self.rows: dict[str, LabelledExample] = {}
        self.event = 0
        self._apart = apart
        self._known: tuple[object, ...] | None = None
        self._waiting: set[str] = set()

    def follow(self, session: Session, question: QuestionRow, champion: CheckpointRow) -> bool:
        """Takes in what has happened; True where anything has. `question` is a home."""
        last = champion_groups.last_event(session, question)
        shared = champion_groups.members(session, question)
        # texts may be edited, come and go, which is no event; who asks, and the champion, say what is fresh
        changes = tuple(projects.get(session, row.project_id).changes for row in shared)
        known = champion.id, Question.model_validate(question.spec), tuple(row.id for row in shared), changes
        if known == self._known and last == self.event:
            return False
        if known != self._known or len(shared) > 1:
            self._waiting = _waiting(session, shared)
            self.rows = {row.example.key: row for row in data.labelled(session, question, champion)}
        else:
            self._update(session, question, champion)
        without = self._waiting.union(self._apart)
        self.rows = {
            key: row for key, row in self.rows.items() if row.part is not Part.APART and key not in without
        }  # fmt: skip
        self._known, self.event = known, last
        return True

    def _update(self, session: Session, question: QuestionRow, champion: CheckpointRow) -> None:
        query = select(Event.example_key).where(champion_groups.about([question], Event), Event.id > self.event)
        keys = list(dict.fromkeys([*sorted(self._waiting), *session.scalars(query.order_by(Event.id))]))
        self._waiting = _waiting(session, [question], keys)
        spec = Question.model_validate(question.spec)
        for key in keys:
            self.rows.pop(key, None)  # what is labelled anew is the newest, what was deleted is gone
        for found in answers.read(session, question, spec, champion, shared=False, keys=keys):
            self.rows[found.key] = data.learnable(spec, [found])


def _waiting(session: Session, shared: Sequence[QuestionRow], keys: Sequence[str] | None = None) -> set[str]:
    """The keys of the examples with a blind label that is not compared yet, as those of a group are called."""
    query = select(Label.project_id, Label.example_key)
    query = query.where(champion_groups.about(shared, Label), Label.blind, Label.unseen_version.is_(None))
    asked = [query] if keys is None else [query.where(Label.example_key.in_(piece)) for piece in sliced(keys)]
    found = [row for each in asked for row in session.execute(each)]
    return {f"{row.project_id}/{row.example_key}" if len(shared) > 1 else row.example_key for row in found}

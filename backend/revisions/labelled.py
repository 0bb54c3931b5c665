"""The labelled examples of one question in memory, kept in step with the ledger: a label costs what is new."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, Event, QuestionRow
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.rounds import answers, data
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, Part


class LabelledExamples:
    """By key, what was labelled last at the end; what belongs to neither side of the split is left out."""

    def __init__(self) -> None:
        self.rows: dict[str, LabelledExample] = {}
        self.event = 0
        self._known: tuple[object, ...] | None = None

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
            self.rows = {row.example.key: row for row in data.labelled(session, question, champion)}
        else:
            self._update(session, question, champion)
        self.rows = {key: row for key, row in self.rows.items() if row.part is not Part.APART}
        self._known, self.event = known, last
        return True

    def _update(self, session: Session, question: QuestionRow, champion: CheckpointRow) -> None:
        query = select(Event.example_key).where(champion_groups.about([question], Event), Event.id > self.event)
        keys = list(dict.fromkeys(session.scalars(query.order_by(Event.id))))
        spec = Question.model_validate(question.spec)
        for key in keys:
            self.rows.pop(key, None)  # what is labelled anew is the newest, what was deleted is gone
        for found in answers.read(session, question, spec, champion, shared=False, keys=keys):
            self.rows[found.key] = data.learnable(spec, [found])

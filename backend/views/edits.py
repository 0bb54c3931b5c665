"""How much of what was suggested people changed, where they answer in their own words: by the kind's own loss."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Label
from labelwheel.backend.projects import projects, version_names
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Example, Prediction, Question

NEWEST = 500
"""Answers of a question that are read: each is a text, compared with another one."""

_NOWHERE = Example(key="", fields={})


def by_version(session: Session, project_id: int) -> dict[tuple[str, str], float]:
    """The mean share that was changed, by question and generation; of those whose answers are people's own words."""
    losses: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in projects.questions(session, project_id):
        question = Question.model_validate(row.spec)
        kind = kind_of(question)
        if not kind.free:
            continue
        query = (
            select(Label.version, Label.suggested, Label.answer)
            .where(Label.project_id == project_id, Label.question == row.name)
            .where(Label.suggested.is_not(None), Label.version.is_not(None))
            .order_by(Label.event_id.desc())
            .limit(NEWEST)
        )
        for version, suggested, answer in session.execute(query):
            loss = kind.score(question, _NOWHERE, answer, Prediction(answer=suggested)).loss
            losses[row.name, version_names.generation_of(version) or version].append(loss)
    return {key: round(sum(found) / len(found), 4) for key, found in losses.items()}

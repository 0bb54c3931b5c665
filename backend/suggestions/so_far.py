"""What people have answered so far, as far as an order of what is left goes by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow, Label
from labelwheel.plugins.capabilities import named
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Question

NEWEST = 2000
"""So many labels of each question are counted."""
TEXTS = 100
"""So many texts are read: with more labels nobody asks which are typical."""


@dataclass(frozen=True)
class SoFar:
    """`classes`: how often each was given, by what candidates say of it. `labelled`: about how many examples are.

    `texts` are those of the newest of them.
    """

    classes: Mapping[str, int] = field(default_factory=dict)
    labelled: int = 0
    texts: Sequence[str] = ()


NOTHING = SoFar()


def read(session: Session, project_id: int, questions: Collection[Question]) -> SoFar:
    """From the newest labels, in bounded time."""
    classes: Counter[str] = Counter()
    keys: dict[str, None] = {}
    for question in questions:
        query = (
            select(Label.answer, Label.example_key)
            .where(Label.project_id == project_id, Label.question == question.name)
            .order_by(Label.event_id.desc())
            .limit(NEWEST)
        )
        for answer, key in session.execute(query):
            keys.setdefault(key)
            if kind_of(question).exclusive:
                classes[named(question.name, answer)] += 1
    newest = list(keys)[:TEXTS]
    rows = session.scalars(
        select(ExampleRow.fields).where(ExampleRow.project_id == project_id, ExampleRow.key.in_(newest))
    )
    return SoFar(classes, len(keys), tuple(" ".join(fields.values()) for fields in rows))

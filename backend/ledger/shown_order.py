"""The order in which examples are proposed to people, as the labelling tool was told last: kept to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ShownOrder, now

LONGEST = 200
"""So many characters of what is suggested are kept: a suggestion may be a text of its own."""
ANSWERS = 20


class Proposed(NamedTuple):
    """An example with a place; `score`, in [0, 1], and `answers` as `Candidate` of the plugins has them."""

    key: str
    score: float
    answers: Sequence[str]


class Kept(NamedTuple):
    """An order by its name, since when it is shown, and its examples, the first first."""

    name: str
    made_at: datetime
    examples: list[Proposed]


def keep(tx: Session, project_id: int, name: str, examples: Iterable[Proposed]) -> None:
    """Keeps this order in place of the one before."""
    row = tx.get(ShownOrder, project_id)
    if row is None:
        row = ShownOrder(project_id=project_id)
        tx.add(row)
    row.name, row.made_at = name, now()
    row.examples = [
        {
            "key": each.key,
            # JSON has no infinite numbers, and a tool's may be anything
            "score": round(each.score, 6) if 0.0 <= each.score <= 1.0 else 0.0,
            "answers": [answer[:LONGEST] for answer in each.answers[:ANSWERS]],
        }
        for each in examples
    ]


def read(session: Session, project_id: int) -> Kept | None:
    """The order that is shown; None where none was shown yet."""
    row = session.get(ShownOrder, project_id)
    return None if row is None else Kept(row.name, row.made_at, [Proposed(**each) for each in row.examples])

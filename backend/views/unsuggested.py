"""Examples that nobody has labelled and that no model reads, so that nothing is suggested: no text, or too much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow
from labelwheel.backend.ledger.open_examples import are_open
from labelwheel.backend.projects import projects
from labelwheel.training.evaluation import splits
from labelwheel.training.questions import Example, Question

NAMED = 3
"""So many are named."""
_BLANK = splits.Text("").group, splits.Text("").key


def read(session: Session, project_id: int, most: int) -> dict[str, Any]:
    """How many there are of which, with the keys of the first; `most` is how many characters are read."""
    asked = [Question.model_validate(row.spec) for row in projects.questions(session, project_id)]
    long: list[str] = []
    blank: list[str] = []
    for example in _suspects(session, project_id, most) if asked else ():
        texts = (question.texts(example) for question in asked)
        lengths = [sum(map(len, each)) for each in texts if any(text.strip() for text in each)]
        if not lengths:
            blank.append(example.key)
        elif min(lengths) > most:
            long.append(example.key)
    return {"most": most, "too_long": _told(long), "without_text": _told(blank)}


def _suspects(session: Session, project_id: int, most: int) -> Iterator[Example]:
    """Those that may be too long, as JSON is never shorter than its texts, and those whose text is as good as none."""
    long = func.length(cast(ExampleRow.fields, Text)) > most
    query = select(ExampleRow.key, ExampleRow.fields).where(
        *are_open(project_id), or_(ExampleRow.group.in_(_BLANK), long)
    )
    for key, fields in session.execute(query.order_by(ExampleRow.id).execution_options(yield_per=100)):
        yield Example(key=key, fields=fields)


def _told(keys: Sequence[str]) -> dict[str, Any]:
    return {"count": len(keys), "keys": list(keys[:NAMED])}

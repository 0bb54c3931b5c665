"""The blind share: held-out examples for which nobody is ever shown a suggestion, so that their labels are no echo.

Each group of near-duplicates draws a lot when it comes, for life; held-out examples with a lot below the share of the
settings are blind. A share that is changed later makes more of them blind or fewer, and always the same ones first.
What is known of a label is kept with it: whether its example was blind, and no suggestion was traced, at that moment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import ExampleRow, PlacedText, Project
from labelwheel.backend.ledger import split_index
from labelwheel.backend.projects import projects
from labelwheel.training.evaluation.splits import Placement, Text, blind_lot, side
from labelwheel.training.questions import Example
from labelwheel.training.spec import Part

# Whoever waits for a suggestion waits for these, too: put together once, and read without objects. Most ask about one
# example, which a list of values would be taken apart for each time.
_EXAMPLES, _PROJECTS, _TEXTS = ExampleRow.__table__.c, Project.__table__, PlacedText.__table__.c
_FOUNDER = _PROJECTS.alias()


def _lots(asked: ColumnElement[bool]) -> Select[Any]:
    """Of what is known: its side, and its lot."""
    query = select(_EXAMPLES.key, _EXAMPLES.part, _EXAMPLES.blind_lot)
    return query.where(_EXAMPLES.project_id == bindparam("project"), asked)


def _places(asked: ColumnElement[bool]) -> Select[Any]:
    """What a project's split is drawn with, and where texts are that were placed before; a row without one for none."""
    founder = _FOUNDER.c.id == func.coalesce(_PROJECTS.c.pool_id, _PROJECTS.c.id)
    return (
        select(_FOUNDER.c.tool, _FOUNDER.c.external_id, _TEXTS.key, _TEXTS.group_key, _TEXTS.part)
        .select_from(_PROJECTS)
        .join(_FOUNDER, founder)
        .outerjoin(PlacedText.__table__, and_(_TEXTS.project_id == _FOUNDER.c.id, asked))
        .where(_PROJECTS.c.id == bindparam("project"))
    )


_LOTS, _PLACES = (
    (query(column == bindparam("key")), query(column.in_(bindparam("keys", expanding=True))))
    for query, column in ((_lots, _EXAMPLES.key), (_places, _TEXTS.key))
)


def _read(
    connection: Connection, queries: tuple[Select[Any], Select[Any]], project_id: int, keys: Sequence[str]
) -> Sequence[Any]:
    one, several = queries
    if len(keys) == 1:
        return connection.execute(one, {"project": project_id, "key": keys[0]}).all()
    return connection.execute(several, {"project": project_id, "keys": keys}).all()


def are_blind(share: float) -> tuple[ColumnElement[bool], ...]:
    """Of `ExampleRow`: those that are blind, as the conditions of a query."""
    return ExampleRow.part == Part.HELD_OUT, ExampleRow.blind_lot < share


def is_blind(row: ExampleRow, share: float) -> bool:
    """The same of an example that was read already."""
    return row.part == Part.HELD_OUT and row.blind_lot < share


def lot_of(tx: Session, project: Project, placement: Placement) -> float:
    """The lot of an example that comes; `tx` is the transaction in which it is placed."""
    return blind_lot(placement.group, salt=projects.salt(projects.get(tx, projects.pool(project))))


def among(connection: Connection, project_id: int, examples: Collection[Example], share: float) -> frozenset[str]:
    """The keys of those examples that are blind; of what the ledger does not know yet, those that will mostly be.

    An example that is asked about before it is taken in is placed by its very text. Where it turns out to be a
    near-duplicate it may stand elsewhere: a suggestion that was seen is traced, and its label is not taken for blind.
    """
    if not share or not examples:
        return frozenset()
    known = {
        row.key: is_blind(row, share)
        for piece in sliced(example.key for example in examples)
        for row in _read(connection, _LOTS, project_id, piece)
    }
    new = [example for example in examples if example.key not in known]
    found = (_of_new(connection, project_id, piece, share) for piece in sliced(new))
    return frozenset([key for key, blind in known.items() if blind]).union(*found)


def known(session: Session, project_id: int, keys: Collection[str], share: float) -> frozenset[str]:
    """Those of the ledger's examples, by their keys, that are blind."""
    query = select(ExampleRow.key).where(ExampleRow.project_id == project_id, *are_blind(share))
    return frozenset(key for piece in sliced(keys) for key in session.scalars(query.where(ExampleRow.key.in_(piece))))


def _of_new(connection: Connection, project_id: int, examples: Sequence[Example], share: float) -> frozenset[str]:
    texts = {example.key: Text(split_index.text(example)) for example in examples}
    rows = _read(connection, _PLACES, project_id, sorted({text.key for text in texts.values()}))
    if not rows:
        raise projects.unknown(project_id)
    salt = projects.salted(rows[0].tool, rows[0].external_id)
    there = {row.key: Placement(row.group_key, Part(row.part)) for row in rows if row.key is not None}
    return frozenset(key for key, text in texts.items() if _will_be(there.get(text.key), text, salt, share))


def _will_be(placement: Placement | None, text: Text, salt: str, share: float) -> bool:
    group, part = placement or Placement(text.group, side(text.group, salt=salt))
    return part is Part.HELD_OUT and blind_lot(group, salt=salt) < share

"""The blind share: held-out examples for which nobody is ever shown a suggestion, so that their labels are no echo.

Each group of near-duplicates draws a lot when it comes, for life; held-out examples with a lot below the share of the
settings are blind. A share that is changed later makes more of them blind or fewer, and always the same ones first.
What is known of a label is kept with it: whether its example was blind, and no suggestion was traced, at that moment.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import ExampleRow, Project
from labelwheel.backend.ledger import split_index
from labelwheel.backend.ledger.split_neighbours import placed
from labelwheel.backend.projects import projects
from labelwheel.training.evaluation.splits import Placement, Text, blind_lot, side
from labelwheel.training.questions import Example
from labelwheel.training.spec import Part


def are_blind(share: float) -> tuple[ColumnElement[bool], ...]:
    """Of `ExampleRow`: those that are blind, as the conditions of a query."""
    return ExampleRow.part == Part.HELD_OUT, ExampleRow.blind_lot < share


def is_blind(row: ExampleRow, share: float) -> bool:
    """The same of an example that was read already."""
    return row.part == Part.HELD_OUT and row.blind_lot < share


def lot_of(tx: Session, project: Project, placement: Placement) -> float:
    """The lot of an example that comes; `tx` is the transaction in which it is placed."""
    return blind_lot(placement.group, salt=projects.salt(projects.get(tx, projects.pool(project))))


def among(session: Session, project_id: int, examples: Collection[Example], share: float) -> frozenset[str]:
    """The keys of those examples that are blind; of what the ledger does not know yet, those that will mostly be.

    An example that is asked about before it is taken in is placed by its very text. Where it turns out to be a
    near-duplicate it may stand elsewhere: a suggestion that was seen is traced, and its label is not taken for blind.
    """
    if not share or not examples:
        return frozenset()
    # no rows as objects: whoever waits for a suggestion waits for this, too
    query = select(ExampleRow.key, and_(*are_blind(share))).where(ExampleRow.project_id == project_id)
    known = {
        key: bool(blind)
        for piece in sliced(example.key for example in examples)
        for key, blind in session.execute(query.where(ExampleRow.key.in_(piece)))
    }
    new = [example for example in examples if example.key not in known]
    return frozenset([key for key, blind in known.items() if blind]) | _of_new(session, project_id, new, share)


def known(session: Session, project_id: int, keys: Collection[str], share: float) -> frozenset[str]:
    """Those of the ledger's examples, by their keys, that are blind."""
    query = select(ExampleRow.key).where(ExampleRow.project_id == project_id, *are_blind(share))
    return frozenset(key for piece in sliced(keys) for key in session.scalars(query.where(ExampleRow.key.in_(piece))))


def _of_new(session: Session, project_id: int, examples: Sequence[Example], share: float) -> frozenset[str]:
    if not examples:
        return frozenset()
    project = projects.get(session, project_id)
    pool = projects.pool(project)
    salt = projects.salt(projects.get(session, pool))
    texts = {example.key: Text(split_index.text(example)) for example in examples}
    there = placed(session, pool, {text.key for text in texts.values()})
    return frozenset(key for key, text in texts.items() if _will_be(there.get(text.key), text, salt, share))


def _will_be(placement: Placement | None, text: Text, salt: str, share: float) -> bool:
    group, part = placement or Placement(text.group, side(text.group, salt=salt))
    return part is Part.HELD_OUT and blind_lot(group, salt=salt) < share

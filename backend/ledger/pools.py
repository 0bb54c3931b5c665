"""Pools: projects that share a question keep one split for life, so that no text is learnt here and measured there.

Where two projects that are brought together had put near-duplicates on different sides, both are set apart: whatever
learnt from the one is never measured on the other. Projects stay in one pool for good, also when they share no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from backend.ledger import placing, projects
from backend.ledger.tables import ExampleRow, Placed, Project
from training.evaluation.splits import Placement, Signature, signature
from training.questions import Example, Question
from training.spec import Part


class Item(NamedTuple):
    """A text that comes into a pool, and where it has been until now."""

    placement: Placement
    signature: Signature


def sign(session: Session, project_id: int, questions: Sequence[Question]) -> dict[str, Signature]:
    """The signatures of what questions read in a project's examples: takes long, so do it before the transaction."""
    return {text: signature(text) for _, text in _texts(session, project_id, questions)}


def join(tx: Session, project: Project, other: Project) -> int:
    """Brings two projects, and all that they share with, into the pool of the second; both are locked.

    Returns how many examples had to be set apart.
    """
    former, pool = projects.pool(project), projects.pool(other)
    if former == pool:
        return 0
    rows = tx.scalars(select(Placed).where(Placed.project_id == former).order_by(Placed.id)).all()
    items = [Item(Placement(row.group, Part(row.part)), Signature.unpack(row.signature)) for row in rows]
    tx.execute(delete(Placed).where(Placed.project_id == former))
    both = select(Project).where((Project.id == former) | (Project.pool_id == former))
    for each in tx.scalars(both):
        each.pool_id = pool
    tx.flush()
    return _take(tx, pool, items)


def cover(tx: Session, project: Project, questions: Sequence[Question], signed: Mapping[str, Signature]) -> int:
    """Keeps what questions read in a project's examples on one side, where that is not all of their text.

    `signed` has signatures that were made before the transaction. Returns how many examples had to be set apart.
    """
    items = [
        Item(Placement(row.group, Part(row.part)), signed.get(text) or signature(text))
        for row, text in _texts(tx, project.id, questions)
    ]
    return _take(tx, projects.pool(project), items)


def _texts(session: Session, project_id: int, questions: Sequence[Question]) -> Iterator[tuple[ExampleRow, str]]:
    query = select(ExampleRow).where(ExampleRow.project_id == project_id).order_by(ExampleRow.id)
    for row in session.scalars(query.execution_options(yield_per=500)):
        example = Example(key=row.key, fields=row.fields)
        for text in dict.fromkeys(question.text(example) for question in questions):
            if text and text != placing.text(example):
                yield row, text


def _take(tx: Session, pool: int, items: Sequence[Item]) -> int:
    groups = _Groups()
    for chunk in placing.chunks(items):
        book = placing.Book(tx, pool, [item.signature for item in chunk])
        for placement, own in chunk:
            for other in book.near(own):
                groups.unite(placement, Placement(other.group, other.part))
            book.remember(own, placement)
        book.save()
    return groups.write(tx, pool)


class _Groups:
    """Groups of near-duplicates that turn out to be one, with the sides on which its parts were."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._sides: dict[str, set[Part]] = defaultdict(set)

    def unite(self, one: Placement, other: Placement) -> None:
        if Part.APART in (one.part, other.part):
            return  # neither learnt nor measured: it ties nothing together
        child, parent = self._root(one.group), self._root(other.group)
        self._sides[parent] |= self._sides[child] | {one.part, other.part}
        if child != parent:
            self._parents[child] = parent

    def write(self, tx: Session, pool: int) -> int:
        """Renames what is one group now, sets apart what was on both sides; returns how many examples that were."""
        projects_of = select(Project.id).where((Project.id == pool) | (Project.pool_id == pool)).scalar_subquery()
        places = update(Placed).where(Placed.project_id == pool)
        examples = update(ExampleRow).where(ExampleRow.project_id.in_(projects_of))
        for name in self._parents:
            tx.execute(places.where(Placed.group == name).values(group=self._root(name)))
            tx.execute(examples.where(ExampleRow.group == name).values(group=self._root(name)))
        torn = sorted(name for name, sides in self._sides.items() if len(sides) > 1 and name not in self._parents)
        count = 0
        for chunk in placing.chunks(torn):
            tx.execute(places.where(Placed.group.in_(chunk)).values(part=Part.APART))
            here = examples.where(ExampleRow.group.in_(chunk), ExampleRow.part != Part.APART)
            count += tx.execute(here.values(part=Part.APART)).rowcount  # type: ignore[attr-defined]
        return count

    def _root(self, name: str) -> str:
        while name in self._parents:
            name = self._parents[name]
        return name

"""Pools: projects that share a question keep one split for life, so that no text is learnt here and measured there.

Where two projects that are brought together had put near-duplicates on different sides, both are set apart: whatever
learnt from the one is never measured on the other. Projects stay in one pool for good, also when they share no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, aliased

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import Band, ExampleRow, FamilyRow, PlacedText, Project, RepresentativeRow
from labelwheel.backend.ledger import split_index
from labelwheel.backend.ledger.split_neighbours import near_rows
from labelwheel.backend.projects import projects
from labelwheel.training.evaluation.splits import Placement, Text
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import Part


class Item(NamedTuple):
    """A text that comes into a pool, and where it has been until now."""

    placement: Placement
    text: Text


def sign(session: Session, project_id: int, questions: Sequence[Question]) -> dict[str, Text]:
    """What questions read in a project's examples, signed: takes long, so do it before the transaction."""
    signed = {text: Text(text) for _, text in _texts(session, project_id, questions)}
    for text in signed.values():
        _ = text.key, text.signature
    return signed


def join(tx: Session, project: Project, other: Project) -> int:
    """Brings two projects, and all that they share with, into the pool of the second; both are locked.

    Returns how many examples had to be set apart.
    """
    former, pool = projects.pool(project), projects.pool(other)
    if former == pool:
        return 0
    groups = _Groups(tx, pool)
    _compare(tx, former, pool, groups)
    _move(tx, former, pool)
    for each in tx.scalars(select(Project).where((Project.id == former) | (Project.pool_id == former))):
        each.pool_id = pool
    tx.flush()
    return groups.write()


def cover(tx: Session, project: Project, questions: Sequence[Question], signed: Mapping[str, Text]) -> int:
    """Keeps what questions read in a project's examples on one side, where that is not all of their text.

    `signed` has texts that were signed before the transaction. Returns how many examples had to be set apart.
    """
    pool = projects.pool(project)
    items = [
        Item(Placement(row.group, Part(row.part)), signed.get(text) or Text(text))
        for row, text in _texts(tx, project.id, questions)
    ]
    groups = _Groups(tx, pool)
    for chunk in sliced(items):
        index = split_index.SplitIndex(tx, project, [item.text for item in chunk])
        index.know(item.placement.group for item in chunk)
        for placement, text in chunk:
            groups.meet(index, placement, text)
            index.families.remember(text, placement)
        index.save()
    return groups.write()


def _texts(session: Session, project_id: int, questions: Sequence[Question]) -> Iterator[tuple[ExampleRow, str]]:
    query = select(ExampleRow).where(ExampleRow.project_id == project_id).order_by(ExampleRow.id)
    for row in session.scalars(query.execution_options(yield_per=500)):
        example = Example(key=row.key, fields=row.fields)
        for text in dict.fromkeys(question.text(example) for question in questions):
            if text and text != split_index.text(example):
                yield row, text


def _compare(tx: Session, former: int, pool: int, groups: _Groups) -> None:
    """Finds what is in both pools: the very same texts, and representatives that are near to each other."""
    cut = select(FamilyRow.group).where(FamilyRow.project_id.in_((former, pool)), FamilyRow.cut)
    groups.cut.update(tx.scalars(cut))
    mine, theirs = aliased(PlacedText), aliased(PlacedText)
    query = select(mine.group, mine.part, theirs.group, theirs.part).where(
        mine.project_id == former, theirs.project_id == pool, mine.key == theirs.key
    )
    for group, part, other_group, other_part in tx.execute(query).all():
        groups.unite(Placement(group, Part(part)), Placement(other_group, Part(other_part)))
    rows = tx.scalars(select(RepresentativeRow).where(RepresentativeRow.project_id == former)).all()
    bands: dict[int, list[int]] = defaultdict(list)
    for value, number in tx.execute(select(Band.value, Band.representative_id).where(Band.project_id == former)):
        bands[number].append(value)
    for chunk in sliced(rows):
        for one, near in near_rows(tx, pool, {row: bands[row.id] for row in chunk}):
            for other in near:
                groups.unite_families(Placement(one.group, Part(one.part)), Placement(other.group, Part(other.part)))


def _move(tx: Session, former: int, pool: int) -> None:
    known = select(PlacedText.key).where(PlacedText.project_id == pool).scalar_subquery()
    twice = tx.execute(delete(PlacedText).where(PlacedText.project_id == former, PlacedText.key.in_(known))).rowcount  # type: ignore[attr-defined]
    for table in (PlacedText, RepresentativeRow, Band):
        tx.execute(update(table).where(table.project_id == former).values(project_id=pool))
    old, new = projects.get(tx, former), projects.get(tx, pool)
    new.texts, old.texts = new.texts + old.texts - twice, 0
    for row in tx.scalars(select(FamilyRow).where(FamilyRow.project_id == former)).all():
        _add(tx, pool, row.group, row)


def _add(tx: Session, pool: int, group: str, row: FamilyRow) -> None:
    """Makes a family part of another one, or moves it where there is none of that name."""
    other = tx.get(FamilyRow, (pool, group))
    if other is None:
        other = FamilyRow(project_id=pool, group=group, texts=0, representatives=0, cut=False)
        tx.add(other)
    other.texts, other.cut = other.texts + row.texts, other.cut or row.cut
    other.representatives += row.representatives
    tx.delete(row)
    tx.flush()


class _Groups:
    """Groups of near-duplicates that turn out to be one, with the sides on which its parts were."""

    def __init__(self, tx: Session, pool: int) -> None:
        self._tx, self._pool = tx, pool
        self.cut: set[str] = set()
        self._parents: dict[str, str] = {}
        self._sides: dict[str, set[Part]] = defaultdict(set)

    def meet(self, index: split_index.SplitIndex, placement: Placement, text: Text) -> None:
        """Unites the group of a text that comes with those of the same text and its near-duplicates."""
        families = index.families
        if text.key in families.texts:
            self.unite(placement, families.texts[text.key])
        elif not text.is_numeric:
            for near in families.near(text):
                other = families.representatives[near.number].placement
                if not families.is_cut(other.group):
                    self.unite(placement, other)

    def unite_families(self, one: Placement, other: Placement) -> None:
        """Notes that two families are one: of the finer measure, where one of them is cut."""
        if self.cut & {one.group, other.group}:
            self.cut |= {one.group, other.group}
        else:
            self.unite(one, other)

    def unite(self, one: Placement, other: Placement) -> None:
        """Notes that two groups are one. What is apart is neither learnt nor measured: it ties nothing together."""
        if Part.APART in (one.part, other.part):
            return
        child, parent = self._root(one.group), self._root(other.group)
        self._sides[parent] |= self._sides[child] | {one.part, other.part}
        if child != parent:
            self._parents[child] = parent

    def write(self) -> int:
        """Renames what is one group now, sets apart what was on both sides; returns how many examples that were."""
        tx, pool = self._tx, self._pool
        for group in sorted(self.cut):
            self._family(group).cut = True
            split_index.refine(tx, pool, group)
        tables = [update(table).where(table.project_id == pool) for table in (PlacedText, RepresentativeRow)]
        groups = PlacedText.group, RepresentativeRow.group
        examples = update(ExampleRow).where(ExampleRow.project_id.in_(split_index.in_pool(pool)))
        for name in self._parents:
            root = self._root(name)
            for query, column in zip((*tables, examples), (*groups, ExampleRow.group), strict=True):
                tx.execute(query.where(column == name).values(group=root))
            self._count(name, root)
        torn = sorted(name for name, sides in self._sides.items() if len(sides) > 1 and name not in self._parents)
        count = 0
        for chunk in sliced(torn):
            for query, column in zip(tables, groups, strict=True):
                tx.execute(query.where(column.in_(chunk)).values(part=Part.APART))
            here = examples.where(ExampleRow.group.in_(chunk), ExampleRow.part != Part.APART)
            count += tx.execute(here.values(part=Part.APART)).rowcount  # type: ignore[attr-defined]
        if self._parents or torn:
            for project in tx.scalars(select(Project).where(Project.id.in_(split_index.in_pool(pool)))):
                project.changes += 1
            tx.flush()
        return count

    def _count(self, name: str, root: str) -> None:
        """The family that has become part of another counts there."""
        gone = self._family(name)
        self._family(root)
        _add(self._tx, self._pool, root, gone)

    def _family(self, group: str) -> FamilyRow:
        found = self._tx.get(FamilyRow, (self._pool, group))
        if found is None:  # it stood alone until now
            found = FamilyRow(project_id=self._pool, group=group, texts=1, representatives=1, cut=False)
            self._tx.add(found)
            self._tx.flush()
        return found

    def _root(self, name: str) -> str:
        while name in self._parents:
            name = self._parents[name]
        return name

"""Where an example belongs, for life: looks up the near-duplicates among all texts that its pool ever had.

The pool is the project, or all projects that share a question. `neighbourhood` has what takes time and is looked up
before the transaction; `place_all` then only reads what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ScalarSelect, insert, or_, select, update
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import Band, ExampleRow, FamilyRow, PlacedText, Project, RepresentativeRow
from labelwheel.backend.ledger.split_neighbours import Neighbourhood, look_up, near_to, newest, placed, representatives
from labelwheel.backend.projects import decisions, projects
from labelwheel.training.evaluation.families import Families, Family, Representative
from labelwheel.training.evaluation.splits import Placement, Text
from labelwheel.training.questions import Example, Question
from labelwheel.training.spec import Part

_MANY_NEWER = 1000
_SHOWN = 60


class Arrival(NamedTuple):
    """One example to place, by one text or several; `before` is where it was until its text changed."""

    texts: Sequence[Text]
    before: Placement | None = None


def text(example: Example) -> str:
    """All text of an example, whatever is asked about it."""
    return "\n".join(example.fields[name] for name in sorted(example.fields))


def sign(example: Example, questions: Sequence[Question] = ()) -> list[Text]:
    """All text of an example, and what each of the questions reads where that is not the same."""
    read = (question.text(example) for question in questions)
    return [Text(each) for each in dict.fromkeys((text(example), *filter(None, read)))]


def place_all(
    tx: Session, project: Project, arrivals: Sequence[Arrival], neighbourhood: Neighbourhood | None = None
) -> list[Placement]:
    """Places examples in order; one whose text changed stays where it was, or is set apart."""
    index = SplitIndex(tx, project, [each for arrival in arrivals for each in arrival.texts], neighbourhood)
    index.know(arrival.before.group for arrival in arrivals if arrival.before is not None)
    found = [index.families.place(*arrival) for arrival in arrivals]
    index.save()
    return [index.families.settled(arrival.texts[0], each) for arrival, each in zip(arrivals, found, strict=True)]


class SplitIndex:
    """The placements that may matter for some texts, read at once; new ones are kept until `save`."""

    def __init__(
        self, tx: Session, project: Project, texts: Sequence[Text], neighbourhood: Neighbourhood | None = None
    ) -> None:
        self._tx, self._project, self._pool = tx, project, projects.pool(project)
        self._founder = projects.get(tx, self._pool)
        self.families = Families(projects.salt(self._founder), total=self._founder.texts)
        if neighbourhood is None or neighbourhood.pool != self._pool:
            neighbourhood = Neighbourhood(self._pool, newest(tx, self._pool))
        self._read(texts, neighbourhood)

    def know(self, groups: Iterable[str]) -> None:
        """Reads how large some groups are."""
        wanted = {group for group in groups if group not in self.families.families}
        for chunk in sliced(sorted(wanted)):
            query = select(FamilyRow).where(FamilyRow.project_id == self._pool, FamilyRow.group.in_(chunk))
            for row in self._tx.scalars(query.execution_options(populate_existing=True)):
                self.families.families[row.group] = Family(row.texts, row.representatives, row.cut)
                self._rows[row.group] = row
        for group in wanted:
            self.families.families.setdefault(group, Family())

    def save(self) -> None:
        """Writes what is new."""
        families = self.families
        new = {key: placement for key, placement in families.new_texts.items() if key not in self._stored}
        for group in families.cut:
            refine(self._tx, self._pool, group)
        self._insert(PlacedText, [{"key": key, "group": each.group, "part": each.part} for key, each in new.items()])
        self._founder.texts += len(new)
        self._save_representatives()
        for group, family in families.families.items():
            row = self._rows.get(group)
            if row is None and family.texts > 1:
                row = FamilyRow(project_id=self._pool, group=group)
                self._tx.add(row)
            if row is not None:
                row.texts, row.representatives, row.cut = family.texts, family.representatives, family.cut
        self._tx.flush()
        for group, example in families.cut.items():
            alike = f"{families.families[group].texts} texts are alike but for numbers or a few words"
            reason = f"{alike}, such as {example[:_SHOWN]!r}: from now on each of them counts for itself"
            decisions.decide(self._tx, self._project, None, "cut", reason, {"group": group})

    def _read(self, texts: Sequence[Text], neighbourhood: Neighbourhood) -> None:
        families = self.families
        families.texts = placed(self._tx, self._pool, {each.key for each in texts})
        families.crowds.update(neighbourhood.crowds)
        self._stored, self._rows = set(families.texts), dict[str, FamilyRow]()
        unknown = {each.key: each for each in texts if each.key not in families.texts and not each.is_numeric}
        newer = self._newer(neighbourhood.newest)
        stale = len(newer) > _MANY_NEWER
        missing = [each for key, each in unknown.items() if stale or key not in neighbourhood.near]
        late = look_up(self._tx, self._pool, missing) if missing else neighbourhood
        families.crowds.update(late.crowds)
        for key, each in unknown.items():
            near = late.near.get(key) or neighbourhood.near.get(key, [])
            families.found[key] = [*near, *({} if stale else near_to(each, list(newer), newer))]
        numbers = {near.number for found in families.found.values() for near in found}
        for chunk in sliced(sorted(numbers)):
            for row in self._tx.scalars(representatives(chunk)):
                families.admit(row.id, Representative(Placement(row.group, Part(row.part)), row.sketch))
        groups = {each.group for each in families.texts.values()}
        self.know(groups | {each.placement.group for each in families.representatives.values()})

    def _newer(self, newest: int) -> dict[int, bytes]:
        query = select(RepresentativeRow.id, RepresentativeRow.sketch).where(
            RepresentativeRow.project_id == self._pool, RepresentativeRow.id > newest
        )
        query = query.order_by(RepresentativeRow.id).limit(_MANY_NEWER + 1)
        return {row.id: row.sketch for row in self._tx.execute(query)}

    def _save_representatives(self) -> None:
        new = self.families.new_representatives
        if not new:
            return
        rows = [
            {"group": group, "part": part, "sketch": sketch, "project_id": self._pool}
            for (group, part), sketch in (self.families.representatives[number] for number in new)
        ]
        query = insert(RepresentativeRow).returning(RepresentativeRow.id, sort_by_parameter_order=True)
        numbers = self._tx.scalars(query, rows).all()
        bands = [
            {"value": band, "representative_id": number}
            for number, listed in zip(numbers, new.values(), strict=True)
            for band in sorted(set(listed))
        ]
        self._insert(Band, bands)

    def _insert(self, table: type[PlacedText | Band], rows: Sequence[Mapping[str, object]]) -> None:
        if rows:
            self._tx.execute(insert(table), [{**row, "project_id": self._pool} for row in rows])


def refine(tx: Session, pool: int, group: str) -> None:
    """Gives what is in a group that is cut a group of its own, text by text, on the side where it is."""
    places = update(PlacedText).where(PlacedText.project_id == pool, PlacedText.group == group)
    tx.execute(places.values(group=PlacedText.key).execution_options(synchronize_session=False))
    query = select(ExampleRow.id, ExampleRow.fields).where(
        ExampleRow.project_id.in_(in_pool(pool)), ExampleRow.group == group
    )
    changed = [
        {"id": number, "group": Text(text(Example(key="", fields=fields))).key} for number, fields in tx.execute(query)
    ]
    if changed:
        tx.execute(update(ExampleRow), changed)


def in_pool(pool: int) -> ScalarSelect[int]:
    """The numbers of the projects of a pool, to be used in a query."""
    return select(Project.id).where(or_(Project.id == pool, Project.pool_id == pool)).scalar_subquery()

"""What is near to some texts among all that a pool ever had: looked up before a transaction, for it takes time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import Band, PlacedText, RepresentativeRow
from labelwheel.training.evaluation.families import Near
from labelwheel.training.evaluation.splits import NEAR, Placement, Text, similarities
from labelwheel.training.spec import Part

_CHUNK = 500
_T = TypeVar("_T")


@dataclass
class Neighbourhood:
    """What texts are near to, by key: representatives up to the number `newest`; how crowded their bands are."""

    pool: int
    newest: int = 0
    near: dict[str, list[Near]] = field(default_factory=dict)
    crowds: dict[int, int] = field(default_factory=dict)


def look_up(session: Session, pool: int, texts: Iterable[Text]) -> Neighbourhood:
    """What texts are near to. Takes up to a millisecond for each that is new: do it outside of a transaction."""
    found = Neighbourhood(pool, newest(session, pool))
    known = placed(session, pool, {each.key for each in texts})
    unknown = {each.key: each for each in texts if each.key not in known and not each.is_numeric}
    listed = _listed(session, pool, {band for each in unknown.values() for band in each.signature.bands})
    found.crowds = {value: len(numbers) for value, numbers in listed.items()}
    sketches: dict[int, bytes] = {}
    for chunk in sliced(sorted({number for numbers in listed.values() for number in numbers})):
        rows = select(RepresentativeRow.id, RepresentativeRow.sketch).where(RepresentativeRow.id.in_(chunk))
        sketches.update((number, sketch) for number, sketch in session.execute(rows))
    for key, each in unknown.items():
        candidates = sorted({number for band in each.signature.bands for number in listed.get(band, ())})
        found.near[key] = near_to(each, candidates, sketches)
    return found


def near_rows(
    session: Session, pool: int, rows: Mapping[RepresentativeRow, Iterable[int]]
) -> Iterator[tuple[RepresentativeRow, list[RepresentativeRow]]]:
    """For representatives of another pool, with their bands, those of this pool that they are near to."""
    listed = _listed(session, pool, {band for bands in rows.values() for band in bands})
    others: dict[int, RepresentativeRow] = {}
    for chunk in sliced(sorted({number for numbers in listed.values() for number in numbers})):
        others.update((each.id, each) for each in session.scalars(representatives(chunk)))
    for row, bands in rows.items():
        candidates = [others[number] for number in sorted({each for band in bands for each in listed.get(band, ())})]
        if candidates:
            alike = similarities(row.sketch, [each.sketch for each in candidates])
            yield row, [each for each, value in zip(candidates, alike, strict=True) if value >= NEAR]


def placed(session: Session, pool: int, keys: Iterable[str]) -> dict[str, Placement]:
    """Where texts are that were placed before, by key."""
    found: dict[str, Placement] = {}
    for chunk in sliced(sorted(keys)):
        query = select(PlacedText.key, PlacedText.group, PlacedText.part).where(
            PlacedText.project_id == pool, PlacedText.key.in_(chunk)
        )
        found.update({key: Placement(group, Part(part)) for key, group, part in session.execute(query)})
    return found


def representatives(numbers: Sequence[int]) -> Select[RepresentativeRow]:
    """A query for some representatives, as they are at this moment."""
    query = select(RepresentativeRow).where(RepresentativeRow.id.in_(numbers))
    return query.execution_options(populate_existing=True)


def newest(session: Session, pool: int) -> int:
    """The highest number of a representative."""
    query = select(func.max(RepresentativeRow.id)).where(RepresentativeRow.project_id == pool)
    return session.scalar(query) or 0


def near_to(own: Text, numbers: Sequence[int], sketches: dict[int, bytes]) -> list[Near]:
    """Those of some representatives that a text is near to."""
    if not numbers:
        return []
    alike = similarities(own.signature.sketch, [sketches[number] for number in numbers])
    return [Near(float(value), number) for value, number in zip(alike, numbers, strict=True) if value >= NEAR]


def _listed(session: Session, pool: int, bands: Iterable[int]) -> dict[int, list[int]]:
    """The numbers of the representatives that are listed under each band."""
    listed: dict[int, list[int]] = defaultdict(list)
    for chunk in sliced(sorted(bands)):
        query = select(Band.value, Band.representative_id).where(Band.project_id == pool, Band.value.in_(chunk))
        for value, number in session.execute(query):
            listed[value].append(number)
    return listed

"""Where an example belongs, for life: looks up the near-duplicates among all texts that a project ever had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from backend.ledger.tables import Band, Placed, Project
from training.evaluation.splits import NEAR, Neighbour, Placement, Signature, place, signature, similarity
from training.questions import Example
from training.spec import Part

_CHUNK = 500
_T = TypeVar("_T")


class Arrival(NamedTuple):
    """One text to place; `before` is where its example was until its text changed."""

    signature: Signature
    before: Placement | None = None


def sign(example: Example) -> Signature:
    """The signature of all text of an example. Takes about a millisecond: do it outside of a transaction."""
    return signature("\n".join(example.fields[name] for name in sorted(example.fields)))


def place_all(tx: Session, project: Project, arrivals: Sequence[Arrival]) -> list[Placement]:
    """Places texts in order; an example whose text changed stays where it was, or is set apart."""
    book = _Book(tx, project, [arrival.signature for arrival in arrivals])
    placements = [book.place(arrival) for arrival in arrivals]
    book.save()
    return placements


class _Book:
    """The placements that may matter for one page, read at once; new ones are kept until `save`."""

    def __init__(self, tx: Session, project: Project, signatures: Sequence[Signature]) -> None:
        self._tx, self._project = tx, project
        # not the url: a tool that moves, or is restored elsewhere, keeps its split
        self._salt = f"{project.tool}/{project.external_id}"
        self._known: dict[str, Neighbour] = {}
        self._by_band: dict[str, set[str]] = defaultdict(set)
        self._new: dict[str, Neighbour] = {}
        self._read(signatures)

    def place(self, arrival: Arrival) -> Placement:
        own, before = arrival
        if own.key in self._known:
            found = Placement(*self._known[own.key][:2])
        else:
            found = self._find(own, before)
            self._remember(own, found)
        if before is None or found.part == before.part:
            return found
        return Placement(before.group, Part.APART)

    def _find(self, own: Signature, before: Placement | None) -> Placement:
        keys = {key for band in own.bands for key in self._by_band[band]}
        neighbours = [self._known[key] for key in sorted(keys)]
        alone = not any(similarity(own, other.signature) >= NEAR for other in neighbours)
        if before is not None and alone and before.part is not Part.APART:
            return before
        return place(own, neighbours, salt=self._salt)

    def _remember(self, own: Signature, found: Placement) -> None:
        self._known[own.key] = self._new[own.key] = Neighbour(found.group, found.part, own)
        for band in own.bands:
            self._by_band[band].add(own.key)

    def _read(self, signatures: Sequence[Signature]) -> None:
        keys = sorted({own.key for own in signatures})
        for chunk in _chunks(keys):
            self._load(select(Placed).where(Placed.project_id == self._project.id, Placed.key.in_(chunk)))
        bands = sorted({band for own in signatures if own.key not in self._known for band in own.bands})
        numbers: set[int] = set()
        for chunk in _chunks(bands):
            query = select(Band.placed_id).where(Band.project_id == self._project.id, Band.value.in_(chunk))
            numbers.update(self._tx.scalars(query))
        for ids in _chunks(sorted(numbers)):
            self._load(select(Placed).where(Placed.id.in_(ids)))

    def _load(self, query: object) -> None:
        for row in self._tx.scalars(query):  # type: ignore[call-overload]
            own = Signature.unpack(row.signature)
            self._known[row.key] = Neighbour(row.group, Part(row.part), own)
            for band in own.bands:
                self._by_band[band].add(row.key)

    def save(self) -> None:
        rows = [
            Placed(
                project_id=self._project.id,
                key=key,
                group=neighbour.group,
                part=neighbour.part,
                signature=neighbour.signature.pack(),
            )
            for key, neighbour in self._new.items()
        ]
        if not rows:
            return
        self._tx.add_all(rows)
        self._tx.flush()
        bands = [
            {"project_id": self._project.id, "placed_id": row.id, "value": band}
            for row in rows
            for band in self._new[row.key].signature.bands
        ]
        self._tx.execute(insert(Band), bands)


def _chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))

"""Where an example belongs, for life: looks up the near-duplicates among all texts that its pool ever had.

The pool is the project, or all projects that share a question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from backend.ledger import projects
from backend.ledger.tables import Band, Placed, Project
from training.evaluation.splits import NEAR, Neighbour, Placement, Signature, place, signature, similarity
from training.questions import Example, Question
from training.spec import Part

_CHUNK = 500
_T = TypeVar("_T")


class Arrival(NamedTuple):
    """One example to place, by one text or several; `before` is where it was until its text changed."""

    signatures: Sequence[Signature]
    before: Placement | None = None


def text(example: Example) -> str:
    """All text of an example, whatever is asked about it."""
    return "\n".join(example.fields[name] for name in sorted(example.fields))


def sign(example: Example, questions: Sequence[Question] = ()) -> list[Signature]:
    """The signatures of all text of an example, and of what each of the questions reads where that is not the same.

    A signature takes about a millisecond: do it outside of a transaction.
    """
    read = (question.text(example) for question in questions)
    return [signature(each) for each in dict.fromkeys((text(example), *filter(None, read)))]


def place_all(tx: Session, project: Project, arrivals: Sequence[Arrival]) -> list[Placement]:
    """Places examples in order; one whose text changed stays where it was, or is set apart."""
    book = Book(tx, projects.pool(project), [own for arrival in arrivals for own in arrival.signatures])
    placements = [book.place(arrival) for arrival in arrivals]
    book.save()
    return placements


class Book:
    """The placements that may matter for one page, read at once; new ones are kept until `save`."""

    def __init__(self, tx: Session, pool: int, signatures: Sequence[Signature]) -> None:
        self._tx, self._pool = tx, pool
        founder = projects.get(tx, pool)
        # not the url: a tool that moves, or is restored elsewhere, keeps its split
        self._salt = f"{founder.tool}/{founder.external_id}"
        self._known: dict[str, Neighbour] = {}
        self._by_band: dict[str, set[str]] = defaultdict(set)
        self._new: dict[str, Neighbour] = {}
        self._read(signatures)

    def place(self, arrival: Arrival) -> Placement:
        """Where an example belongs; remembers it."""
        signatures, before = arrival
        found = self._agreed([each for own in signatures if (each := self._one(own)) is not None])
        if found is None and before is not None and before.part is not Part.APART:
            found = before
        found = found or place(signatures[0], (), salt=self._salt)
        for own in signatures:
            self.remember(own, found)
        if before is None or found.part == before.part:
            return found
        return Placement(before.group, Part.APART)

    def near(self, own: Signature) -> list[Neighbour]:
        """The text itself, if it is known, and its near-duplicates."""
        keys = {key for band in own.bands for key in self._by_band[band]}
        neighbours = (self._known[key] for key in sorted(keys))
        return [each for each in neighbours if similarity(own, each.signature) >= NEAR]

    def remember(self, own: Signature, found: Placement) -> None:
        """Notes where a text is, unless it is somewhere already."""
        if own.key in self._known:
            return
        self._known[own.key] = self._new[own.key] = Neighbour(found.group, found.part, own)
        for band in own.bands:
            self._by_band[band].add(own.key)

    def _one(self, own: Signature) -> Placement | None:
        """Where one text belongs; None where nothing is like it."""
        if own.key in self._known:
            return Placement(*self._known[own.key][:2])
        neighbours = self.near(own)
        return place(own, neighbours, salt=self._salt) if neighbours else None

    @staticmethod
    def _agreed(found: Sequence[Placement]) -> Placement | None:
        """Where all texts of an example belong together: apart, where they do not."""
        if len({each.part for each in found}) > 1:
            return next((each for each in found if each.part is Part.APART), None) or Placement(
                f"apart-{found[0].group}"[:64], Part.APART
            )
        return found[0] if found else None

    def _read(self, signatures: Sequence[Signature]) -> None:
        keys = sorted({own.key for own in signatures})
        for chunk in chunks(keys):
            self._load(select(Placed).where(Placed.project_id == self._pool, Placed.key.in_(chunk)))
        bands = sorted({band for own in signatures if own.key not in self._known for band in own.bands})
        numbers: set[int] = set()
        for chunk in chunks(bands):
            query = select(Band.placed_id).where(Band.project_id == self._pool, Band.value.in_(chunk))
            numbers.update(self._tx.scalars(query))
        for ids in chunks(sorted(numbers)):
            self._load(select(Placed).where(Placed.id.in_(ids)))

    def _load(self, query: object) -> None:
        for row in self._tx.scalars(query):  # type: ignore[call-overload]
            own = Signature.unpack(row.signature)
            self._known[row.key] = Neighbour(row.group, Part(row.part), own)
            for band in own.bands:
                self._by_band[band].add(row.key)

    def save(self) -> None:
        """Writes what is new."""
        rows = [
            Placed(
                project_id=self._pool,
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
            {"project_id": self._pool, "placed_id": row.id, "value": band}
            for row in rows
            for band in self._new[row.key].signature.bands
        ]
        self._tx.execute(insert(Band), bands)


def chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Pieces that every database takes as the parameters of one statement."""
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))

"""Where blind examples stand in an order: by lot, as often as is their share of all, whatever a model says of them.

An order by what a model is unsure of has no place for them, and without one whoever labels in that order would reach
them last: no score could rest on them. So they take the places that bring their share of the labels to what it should
be. Which of them comes first, and where, says nothing about their texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow, Label
from labelwheel.backend.ledger.blind_share import are_blind
from labelwheel.backend.ledger.lots import lot
from labelwheel.backend.ledger.open_examples import are_open
from labelwheel.plugins.capabilities import Candidate

_SCANNED = 50_000


@dataclass(frozen=True)
class BlindPlaces:
    """`waiting` has the keys of blind examples without a label; `given` of the `labelled` examples were blind."""

    waiting: Sequence[str] = ()
    share: float = 0.0
    given: int = 0
    labelled: int = 0

    def without(self, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """Those that are not blind."""
        blind = frozenset(self.waiting)
        return (candidate for candidate in candidates if candidate.key not in blind)

    def among(self, keys: Sequence[str], most: int) -> list[str]:
        """An order of the others with blind examples in their places; of at most so many.

        Where they are behind, as in a project that was connected late, they come twice as often, and not in a row.
        """
        found, left, due = list[str](), list(reversed(self.waiting)), self.given
        apart = max(2, round(1 / (2 * self.share))) if self.share else 0
        for key in keys:
            place = self.labelled + len(found)
            if left and place % apart == 0 and due < self.share * (place + 1):
                found.append(left.pop())
                due += 1
            found.append(key)
        return [*found, *reversed(left)][:most]


def read(session: Session, project_id: int, share: float) -> BlindPlaces:
    """What is to be known for an order of this moment."""
    if not share:
        return BlindPlaces()
    waiting = session.scalars(
        select(ExampleRow.key).where(*are_open(project_id), *are_blind(share)).order_by(ExampleRow.id).limit(_SCANNED)
    )
    label = exists().where(Label.project_id == ExampleRow.project_id, Label.example_key == ExampleRow.key)
    done = select(func.count(ExampleRow.id)).where(ExampleRow.project_id == project_id, label)
    labelled, given = session.scalar(done) or 0, session.scalar(done.where(*are_blind(share))) or 0
    return BlindPlaces(sorted(waiting, key=lot), share, given, labelled)

"""What people should see next, by the newest heads: the order changes with the labels, not with each backfill alone.

An order is made of all that is left when a generation's suggestions have been filled in. Between two of them the heads
learn with each label what they were unsure of, and the same few hundred examples are asked about again: those that had
a place, and the first by lot, which are examples like all others. Their features are known, so it takes tenths of a
second.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.slices import sliced
from labelwheel.backend.database.tables import ExampleRow
from labelwheel.backend.ledger.lots import lot
from labelwheel.backend.ledger.open_examples import are_open
from labelwheel.backend.projects import projects
from labelwheel.backend.projects.standing import Standing
from labelwheel.backend.suggestions import blind_places, ordering, showing, so_far
from labelwheel.backend.suggestions.blind_places import BlindPlaces
from labelwheel.backend.suggestions.showing import Suggester
from labelwheel.backend.suggestions.uncertainty import Considered, considered
from labelwheel.plugins.capabilities import Candidate, Ranks, named
from labelwheel.plugins.connector import Connector
from labelwheel.training.questions import Example, Prediction, Question

EVERY_SECONDS = 4.0
FIRST = 20
"""So many are taken anew at a time: more than are labelled until the next time."""

BY_LOT = 300
_SCANNED = 20_000
_REDRAWN = 60.0


class Reordering:
    """Keeps the order of one project up to date between two backfills."""

    def __init__(
        self,
        hold: Hold,
        project_id: int,
        suggester: Suggester,
        order: ordering.Name,
        blind: float = 0.0,
        max_characters: int = ordering.MAX_CHARACTERS,
    ) -> None:
        self._hold, self._id, self._suggester, self._order = hold, project_id, suggester, order
        self._blind, self._max_characters = blind, max_characters
        self._had_place: list[str] = []
        self._by_lot: list[str] = []
        self._drawn = self._begun = float("-inf")
        self._shown: str | None = None
        # a revision, its order, and the places of blind examples in it: to be shown in the next step
        self._made: tuple[str, list[Considered], BlindPlaces] | None = None

    def begin(self, keys: Sequence[str]) -> None:
        """Goes on from an order that was made of all that is left."""
        self._had_place, self._shown, self._made = list(keys), None, None

    def first(self) -> list[str]:
        """The keys of the examples that come first, as it was shown last."""
        return self._had_place

    def step(self, connector: Connector, standing: Standing) -> bool:
        """Makes an order by a revision that is new, or shows the one made last; True where that was due.

        Both take a while, and labels are taken in between. Raises ToolError.
        """
        if not isinstance(connector, Ranks) or self._order not in ordering.BY_ANSWERS:
            return False
        if self._made is not None:
            (shown, made, places), self._made = self._made, None
            keys = [each.key for each in made]
            connector.rank(places.among(keys, ordering.RANKED))
            ordering.keep(self._hold, self._id, self._order, made)
            self._had_place, self._shown = keys, shown
            return True
        if time.monotonic() - self._begun < EVERY_SECONDS:
            return False
        version = self._due(standing)
        if version is None:
            return False
        self._begun = time.monotonic()
        with self._hold.database.session() as session:
            examples = self._open(session)
            asked = [Question.model_validate(row.spec) for row in projects.questions(session, self._id)]
            known = so_far.read(session, self._id, asked)
            places = blind_places.read(session, self._id, self._blind)
        for key in places.waiting:
            examples.pop(key, None)
        found = showing.newest(self._suggester, self._id, examples, version)
        if found is None:
            return False
        all_of_them = [_candidate(one.example, one.predictions) for one in found]
        candidates = [each for each in all_of_them if ordering.is_read(each, self._max_characters)]
        newest = ordering.ORDERS[self._order](candidates, ordering.RANKED, known)
        keys = self._changed([each.key for each in newest], examples)
        known_of = {each.key: considered(each) for each in candidates}
        self._made = version, [known_of[key] for key in keys if key in known_of], places
        return True

    def _changed(self, newest: Sequence[str], examples: Mapping[str, Example]) -> list[str]:
        """The newest order's first, and behind them what stood there before: each change costs a tool a write."""
        first = newest[:FIRST]
        before = [key for key in self._had_place if key in examples and key not in first]
        if not before:
            return list(newest)
        ahead = {key for key in self._had_place[:FIRST] if key in before}
        behind = [key for key in before if key not in ahead]
        return [*first, *behind, *(key for key in before if key in ahead)][: ordering.RANKED]

    def _due(self, standing: Standing) -> str | None:
        """The revision whose order is not shown yet; a backfill that is under way ends with an order of its own."""
        if standing.generation is None or standing.revision is None or standing.revision == self._shown:
            return None
        filled = standing.backfill == "done" and standing.announced == standing.generation
        return standing.revision if filled else None

    def _open(self, session: Session) -> dict[str, Example]:
        """Those that had a place and the first by lot, as far as nobody has labelled them."""
        if time.monotonic() - self._drawn > _REDRAWN:
            self._drawn, self._by_lot = time.monotonic(), _first_by_lot(session, self._id)
        found: dict[str, Example] = {}
        for piece in sliced(dict.fromkeys([*self._had_place, *self._by_lot])):
            query = select(ExampleRow).where(*are_open(self._id), ExampleRow.key.in_(piece))
            found |= {row.key: Example(key=row.key, fields=row.fields) for row in session.scalars(query)}
        return found


def _first_by_lot(session: Session, project_id: int) -> list[str]:
    keys = session.scalars(select(ExampleRow.key).where(*are_open(project_id)).limit(_SCANNED))
    return sorted(keys, key=lot)[:BY_LOT]


def _candidate(example: Example, predictions: Mapping[str, Prediction]) -> Candidate:
    """What was answered, as connectors read it back from their tools."""
    scores = [one.score for one in predictions.values() if one.answer is not None]
    said = [
        named(name, one.answer)
        for name, one in sorted(predictions.items())
        if isinstance(one.answer, str | int | float)
    ]
    text = " ".join(example.fields.values())
    return Candidate(key=example.key, text=text, score=min(scores, default=0.0), answers=tuple(said))

"""The order in which people should see the examples: which ones help most. How it is shown, a connector knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

from labelwheel.backend.database.lease import Hold
from labelwheel.backend.ledger import shown_order
from labelwheel.backend.ledger.shown_order import Proposed
from labelwheel.backend.suggestions import chance, mixture, rare, typical, uncertainty
from labelwheel.backend.suggestions.blind_places import BlindPlaces
from labelwheel.backend.suggestions.so_far import NOTHING, SoFar
from labelwheel.backend.suggestions.uncertainty import Considered
from labelwheel.plugins.capabilities import Candidate, Ranks
from labelwheel.plugins.connector import Connector

NO_PLACES = BlindPlaces()

RANKED = 200
"""So many have a place: more than are answered before the next version orders them anew."""

MAX_CHARACTERS = 20_000
"""What a model reads, where no setting says otherwise."""

Name = Literal["mixed", "uncertain", "rare", "typical", "random"]


class Order(Protocol):
    """From what is still to be answered, in any order, to at most so many of it, the first first."""

    def __call__(self, candidates: Iterable[Candidate], most: int, so_far: SoFar = NOTHING) -> list[Considered]: ...


ORDERS: Mapping[Name, Order] = {
    "mixed": mixture.order,
    "uncertain": uncertainty.order,
    "rare": rare.order,
    "typical": typical.order,
    "random": chance.order,
}


BY_ANSWERS: frozenset[Name] = frozenset({"mixed", "uncertain", "rare"})
"""Those that go by what is suggested, and change with it."""


def show(
    connector: Connector,
    name: Name,
    so_far: SoFar = NOTHING,
    blind: BlindPlaces = NO_PLACES,
    max_characters: int = MAX_CHARACTERS,
) -> list[Considered] | None:
    """Has a tool show this order; returns it, without blind examples. None where it can show none. Raises ToolError.

    A text of more than `max_characters` has a place only where something is suggested for it.
    """
    if not isinstance(connector, Ranks):
        return None
    readable = (each for each in connector.candidates() if is_read(each, max_characters))
    found = ORDERS[name](blind.without(readable), RANKED, so_far)
    connector.rank(blind.among([each.key for each in found], RANKED))
    return found


def is_read(candidate: Candidate, max_characters: int) -> bool:
    """Whether a model reads it: what has no text, or too much, has nothing to be sure of, and would stand first."""
    return bool(candidate.text.strip()) and (len(candidate.text) <= max_characters or candidate.score > 0)


def keep(hold: Hold, project_id: int, name: Name, found: Sequence[Considered]) -> None:
    """Notes an order that is shown, without blind examples, in place of the one before."""
    with hold.transaction() as tx:
        shown_order.keep(tx, project_id, name, (Proposed(each.key, each.score, each.answers) for each in found))

"""The order in which people should see the examples: which ones help most. How it is shown, a connector knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from labelwheel.backend.suggestions import chance, mixture, uncertainty
from labelwheel.plugins.capabilities import Candidate, Ranks
from labelwheel.plugins.connector import Connector

RANKED = 200
"""So many have a place: more than are answered before the next version orders them anew."""

Name = Literal["mixed", "uncertain", "random"]
Order = Callable[[Iterable[Candidate], int], list[str]]
"""From what is still to be answered, in any order, to the keys of at most so many, the first first."""

ORDERS: Mapping[Name, Order] = {"mixed": mixture.order, "uncertain": uncertainty.order, "random": chance.order}


def show(connector: Connector, name: Name) -> None:
    """Has a tool that can show an order show this one. Raises ToolError."""
    if isinstance(connector, Ranks):
        connector.rank(ORDERS[name](connector.candidates(), RANKED))

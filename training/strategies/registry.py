"""Every strategy there is: those that come along, and the installed entry points `labelwheel.strategies`.

To add one here, put its class into the list. A package that brings one names its class in an entry point, so that jobs
know it, which are processes of their own.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import entry_points

from labelwheel.training.errors import DuplicateStrategy
from labelwheel.training.strategies.base import Strategy
from labelwheel.training.strategies.chain import Chain
from labelwheel.training.strategies.continued import FromChampion
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.distilled import Distilled
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.label_names import LabelNames
from labelwheel.training.strategies.low_rank import LowRank
from labelwheel.training.strategies.self_taught import SelfTaught

logger = logging.getLogger(__name__)

GROUP = "labelwheel.strategies"

_BUILT_IN: tuple[type[Strategy], ...] = (
    LabelNames, Chain, FrozenRegression, Distilled, SelfTaught, Contrastive, FromChampion, LowRank, FromBase,
)  # fmt: skip


def strategies() -> list[type[Strategy]]:
    """All of them, the cheapest first, else in the order in which they were registered."""
    return sorted(_registered(), key=lambda each: each.cost)


def register(strategy: type[Strategy]) -> None:
    """Have every round of this process try one more. Raises DuplicateStrategy where another has its name."""
    _add(_registered(), strategy)


def unregister(strategy: type[Strategy]) -> None:
    """Have no round of this process try it any more."""
    _registered().remove(strategy)


@cache
def _registered() -> list[type[Strategy]]:
    found = list(_BUILT_IN)
    for entry in entry_points(group=GROUP):
        try:
            _add(found, entry.load())
        except Exception:  # another's package costs its own strategy and no other
            logger.exception("The strategy %r (%s) cannot be loaded", entry.name, entry.value)
    return found


def _add(found: list[type[Strategy]], strategy: type[Strategy]) -> None:
    if strategy.name in {each.name for each in found}:
        raise DuplicateStrategy(f"there is a strategy {strategy.name!r} already; give this one another name")
    found.append(strategy)

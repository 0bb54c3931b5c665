"""Every strategy there is. To add one, put its class into the list."""

from __future__ import annotations

from labelwheel.training.errors import DuplicateStrategy
from labelwheel.training.strategies.base import Strategy
from labelwheel.training.strategies.continued import FromChampion
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.label_names import LabelNames

_registered: list[type[Strategy]] = [LabelNames, FrozenRegression, FromChampion, FromBase]


def strategies() -> list[type[Strategy]]:
    """All of them, the cheapest first, else in the order in which they were registered."""
    return sorted(_registered, key=lambda each: each.cost)


def register(strategy: type[Strategy]) -> None:
    """Have every round of this process try one more. Raises DuplicateStrategy where another has its name."""
    if strategy.name in {each.name for each in _registered}:
        raise DuplicateStrategy(f"there is a strategy {strategy.name!r} already; give this one another name")
    _registered.append(strategy)


def unregister(strategy: type[Strategy]) -> None:
    """Have no round of this process try it any more."""
    _registered.remove(strategy)

"""Every strategy there is: those that come along, and the installed entry points `labelwheel.strategies`.

To add one here, put its class into the list. A package that brings one names its class in an entry point, so that jobs
know it, which are processes of their own.
"""

from __future__ import annotations

import inspect
from functools import cache, partial

from labelwheel.training import entry_points
from labelwheel.training.errors import BrokenPlugin, DuplicateStrategy
from labelwheel.training.foreign.model import ForeignModel, named
from labelwheel.training.strategies import foreign
from labelwheel.training.strategies.base import Cost, Strategy
from labelwheel.training.strategies.chain import Chain
from labelwheel.training.strategies.continued import FromChampion
from labelwheel.training.strategies.contrast_taught import ContrastTaught
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.distilled import Distilled
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.in_context import InContext
from labelwheel.training.strategies.label_names import LabelNames
from labelwheel.training.strategies.language_taught import LanguageTaught
from labelwheel.training.strategies.low_rank import LowRank
from labelwheel.training.strategies.names_in_context import NamesInContext
from labelwheel.training.strategies.nearest_answer import NearestAnswer
from labelwheel.training.strategies.self_taught import SelfTaught
from labelwheel.training.strategies.text_model import TextModelTuned
from labelwheel.training.strategies.zero_shot import ZeroShot, ZeroShotNames

GROUP = "labelwheel.strategies"

_BUILT_IN: tuple[type[Strategy], ...] = (
    LabelNames, Chain, FrozenRegression, NearestAnswer, Distilled, ContrastTaught, SelfTaught, Contrastive,
    FromChampion, LowRank, FromBase, LanguageTaught, ZeroShotNames, ZeroShot, TextModelTuned, NamesInContext, InContext,
)  # fmt: skip


def strategies() -> list[type[Strategy]]:
    """All of them, the cheapest first, else in the order in which they were registered."""
    return sorted([*_registered(), *_foreign()], key=lambda each: (each.cost, not each.asked))


def comes_along(strategy: type[Strategy]) -> bool:
    """Whether it is ours: what goes wrong in another's costs that one alone."""
    return strategy in _BUILT_IN


def broken() -> dict[str, str]:
    """Why some that are installed are not among them, by the names of their entry points."""
    _registered()
    return dict(_broken)


def register(strategy: type[Strategy]) -> None:
    """Have every round of this process try one more. Raises DuplicateStrategy where another has its name."""
    _add(_registered(), strategy)


def unregister(strategy: type[Strategy]) -> None:
    """Have no round of this process try it any more."""
    _registered().remove(strategy)


_broken: dict[str, str] = {}


@cache
def _foreign_strategy(model: ForeignModel) -> type[Strategy]:
    return foreign.of(model)


def _foreign() -> list[type[Strategy]]:
    """Of the models that the operator has named."""
    return [_foreign_strategy(model) for model in named()]


@cache
def _registered() -> list[type[Strategy]]:
    found = list(_BUILT_IN)
    _broken.clear()
    _broken.update(entry_points.take(GROUP, partial(_add, found)))
    return found


def _add(found: list[type[Strategy]], strategy: type[Strategy]) -> None:
    if not (isinstance(strategy, type) and issubclass(strategy, Strategy)) or inspect.isabstract(strategy):
        lacking = ", ".join(sorted(getattr(strategy, "__abstractmethods__", ())))
        raise BrokenPlugin(f"{strategy!r:.100} is no Strategy{f', it lacks: {lacking}' if lacking else ''}")
    for name, kind in (("name", str), ("recipe", str), ("cost", Cost)):
        if not isinstance(getattr(strategy, name, None), kind):
            raise BrokenPlugin(f"{strategy!r:.100} is no Strategy: its {name} has to be a {kind.__name__}")
    if strategy.name in {each.name for each in found}:
        raise DuplicateStrategy(f"there is a strategy {strategy.name!r} already; give this one another name")
    found.append(strategy)

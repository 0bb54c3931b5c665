"""What is searched over: strategies with the knobs that each says of itself, and how much of which base model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from labelwheel.backend.rounds import launchers
from labelwheel.backend.settings import Settings
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Frozen, Question
from labelwheel.training.spec import Tuned
from labelwheel.training.strategies import registry
from labelwheel.training.strategies.knobs import USUAL, Knob

STRATEGY, BASE_MODEL, DEPTH, POOLING = "strategy", "base model", "layers", "pooling"
AS_SET = "as set"
"""The base model that the operator has set, among those that are listed."""

DEPTHS = (1.0, 2 / 3, 0.5)
POOLINGS = ("usual", "first")
MOST_LABELS = 2_000
"""With more labels no base model is looked at in a part only: what it saves is little beside what it loses."""


class Choice(NamedTuple):
    """One of some values."""

    values: tuple[Any, ...]


class Span(NamedTuple):
    """From `low` to `high`, by ratios where `log`."""

    low: float
    high: float
    log: bool


Range = Choice | Span


class Space(Frozen):
    """What one search may choose from, fixed when it begins; a knob of a strategy is `STRATEGY: KNOB`."""

    strategies: tuple[str, ...]
    base_models: tuple[str | None, ...] = (None,)
    depths: tuple[float, ...] = DEPTHS
    poolings: tuple[str, ...] = POOLINGS

    @classmethod
    def of(cls, settings: Settings, question: Question, strategies: Sequence[str]) -> Space:
        """With the strategies that apply to a question's labels, and the base models that the operator lists."""
        texts = kind_of(question).row is Row.TEXT
        return cls(
            strategies=tuple(strategies),
            base_models=(None, *launchers.listed(settings)),
            poolings=POOLINGS if texts else POOLINGS[:1],
        )

    def common(self) -> dict[str, Range]:
        """What every trial chooses; what has one value is no choice."""
        found = {
            STRATEGY: Choice(self.strategies),
            BASE_MODEL: Choice(tuple(each or AS_SET for each in self.base_models)),
            DEPTH: Choice(self.depths),
            POOLING: Choice(self.poolings),
        }
        return {name: each for name, each in found.items() if len(each.values) > 1}

    def of_strategy(self, strategy: str) -> dict[str, Range]:
        """The knobs of one of them."""
        return {f"{strategy}: {knob.name}": Span(knob.low, knob.high, knob.log) for knob in _knobs(strategy)}

    def range_of(self, name: str) -> Range | None:
        """Of any parameter; None where there is none of that name any more."""
        strategy = name.rpartition(": ")[0]
        return self.common().get(name) or self.of_strategy(strategy).get(name)

    def usual(self, strategy: str) -> dict[str, Any]:
        """The parameters that stand for a strategy as it is without any search."""
        first = {name: each.values[0] for name, each in self.common().items() if isinstance(each, Choice)}
        own = dict.fromkeys(self.of_strategy(strategy), USUAL)
        return {**first, **({STRATEGY: strategy} if STRATEGY in first else {}), **own}

    def settings(self, params: Mapping[str, Any]) -> Tuned:
        """What parameters mean to a job."""
        strategy = str(params.get(STRATEGY, self.strategies[0]))
        base, own = params.get(BASE_MODEL, AS_SET), f"{strategy}: "
        knobs = {
            name.removeprefix(own): round(float(value), 4) for name, value in params.items() if name.startswith(own)
        }
        return Tuned(
            strategy=strategy,
            knobs={name: value for name, value in knobs.items() if value != USUAL},
            base_model=None if base == AS_SET else str(base),
            depth=params.get(DEPTH, self.depths[0]),
            pooling=params.get(POOLING, self.poolings[0]),
        )


def _knobs(strategy: str) -> tuple[Knob, ...]:
    return next((each.knobs for each in registry.strategies() if each.name == strategy), ())

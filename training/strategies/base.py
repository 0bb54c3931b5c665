"""The contract of a strategy: one way of getting a model from labels. `registry` has all of them.

A round makes one of each, asks whether it applies, and has those that do measure themselves on examples that they have
not learnt from; the best then finishes on all labels. Nobody else knows what a strategy does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Any, ClassVar, NamedTuple

from labelwheel.training.elsewhere import Written
from labelwheel.training.heads.base import FastHead
from labelwheel.training.strategies.knobs import USUAL, Knob
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import Outcome


class Cost(IntEnum):
    """What a strategy costs. Cheaper ones are tried first, and a dearer one has to be better by more than chance."""

    SECONDS = 1  # it reads the features of the frozen encoder, which are there already, and no more memory
    MINUTES = 2  # it trains the encoder, in the time that is left and the memory that there is
    MONEY = 3  # it asks somebody else, for each suggestion anew


class Finished(NamedTuple):
    """A model that has learnt from all labels: a transformers module, and what the manifest says of how it was made.

    A `head` on several layers of it answers in the place of its last one, if there is one. `calibration` is what makes
    its scores true, where that is not what the outcome says. What answers from elsewhere (`foreign`) does so in
    the place of all that, wherever it does.
    """

    module: Any
    settings: dict[str, Any]
    head: FastHead | None = None
    calibration: dict[str, float] | None = None
    foreign: Written | None = None


class Strategy(ABC):
    """One try in one round; what `measure` finds out may be kept on the instance for `finish`.

    Both raise TimeoutError or OutOfMemory where what is left does not suffice: the round goes on without it.
    """

    name: ClassVar[str]  # what people read in a report, such as "fine-tuned from the base model"
    recipe: ClassVar[str]  # what the checkpoint's manifest calls what came of it
    cost: ClassVar[Cost]
    learns: ClassVar[bool] = True  # if not, it needs no label, and is a yardstick as soon as there are some
    knobs: ClassVar[tuple[Knob, ...]] = ()  # what a search may turn
    asked: ClassVar[bool] = False  # somebody named it: it is tried before others that cost as much, and in any case
    free: ClassVar[bool] = False  # it can answer in free words: no other is tried where people write their answers
    continues: ClassVar[bool] = False  # it starts from the champion: only labels that are newer can measure it

    def __init__(self, given: Materials) -> None:
        self.given = given

    def turned(self, knob: Knob) -> float:
        """How a knob of this strategy is set, times what is usual."""
        tuned = self.given.tuned
        if tuned is None or tuned.strategy != self.name:
            return USUAL
        return knob.within(tuned.knobs.get(knob.name, USUAL))

    @abstractmethod
    def applies(self) -> bool:
        """Whether to try it; what people should know of a no goes into `given.notes`."""

    def replaces(self) -> tuple[type[Strategy], ...]:
        """Strategies that are behind where this one applies: once it is measured, none of them is tried after it."""
        return ()

    @abstractmethod
    def measure(self) -> Outcome:
        """What it achieves on examples that it has not learnt from; on none where there are too few."""

    @abstractmethod
    def finish(self) -> Finished:
        """The model, from all labels, with the answers in the units of the question; `given.base` stays as it is."""

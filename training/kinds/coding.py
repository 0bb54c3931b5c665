"""How a kind's answers are laid side by side where several people gave them, to say how far they agree."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from labelwheel.training.questions import Answer, Example, Question


class Distance(Enum):
    """How far two answers are apart; `training.evaluation.distances` reckons with it."""

    NOMINAL = "nominal"  # the same or not
    SETS = "masi"  # the more of both is the same, the nearer, and nearer still where one holds the other
    ORDINAL = "ordinal"  # by how many answers lie between
    INTERVAL = "interval"  # the difference


class Unit(NamedTuple):
    """One thing that everybody judged: a value of each annotator, in their order, and how much of it there is."""

    values: Sequence[Hashable]
    size: float = 1.0


class Part(NamedTuple):
    """One item of an answer: its class, and where it stands, where that is part of it."""

    label: str
    place: tuple[int, int] | None = None


class Coding:
    """What is compared of the answers of several people to one example. A kind overrides what is not the usual."""

    distance: ClassVar[Distance] = Distance.NOMINAL

    def coded(self, question: Question, example: Example, answers: Sequence[Answer]) -> list[Unit]:
        """The units of an example that several people answered: itself, with an answer of each."""
        return [Unit([str(answer) for answer in answers])]

    def parts(self, question: Question, answer: Answer) -> set[Part]:
        """The items that an answer consists of; none where it names no class."""
        return {Part(label) for label in self._named(question, answer)}

    def _named(self, question: Question, answer: Answer) -> Sequence[str]:
        named: Any = self
        found: Sequence[str] = named.labels(question, answer)
        return found

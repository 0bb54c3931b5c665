"""What is inspected: a checkpoint, the labels, and everything that sections compute once and share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from labelwheel.training import encoders
from labelwheel.training.base_model import Base
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import QuestionKind, Score
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.shared_features import Embed
from labelwheel.training.spec import LabelledExample, Part, Tuned
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.problem import Problem

Answer = Callable[[Sequence[Example]], list[Prediction]]


@dataclass(frozen=True)
class Learnt:
    """How a checkpoint was learnt: by the strategy of a name, whose try took so many seconds, from a base model."""

    strategy: str
    base_model: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Subject:
    """A checkpoint that answers by `answer`, as people are shown it, and the labelled `rows`, canonical.

    `load` gives the base model before anything was learnt, and is called where a section needs it. `groups` are names
    of slices whose values should be answered equally well. `learnt` is None where its report does not say, `tuned`
    where it was by the defaults. The whole inspection has so many `minutes`.
    """

    question: Question
    rows: Sequence[LabelledExample]
    answer: Answer
    load: Callable[[], Base]
    unlabelled: Sequence[Example] = ()
    seed: int = 13
    hide_below: float = 0.0
    groups: tuple[str, ...] = ()
    learnt: Learnt | None = None
    minutes: float = 30.0
    tuned: Tuned | None = None
    embed: Embed = field(default=encoders.features)

    @property
    def kind(self) -> QuestionKind:
        return kind_of(self.question)

    @cached_property
    def measured(self) -> list[LabelledExample]:
        """What the checkpoint has not learnt from."""
        return [row for row in self.rows if row.part is Part.HELD_OUT]

    @cached_property
    def predictions(self) -> list[Prediction]:
        """The answers to `measured`, in order."""
        return self.answer([row.example for row in self.measured])

    @cached_property
    def scores(self) -> list[Score]:
        """How good they are, in order."""
        return self.scored(self.measured, self.predictions)

    def scored(self, rows: Sequence[LabelledExample], predictions: Sequence[Prediction]) -> list[Score]:
        """How good answers to labelled examples are."""
        return [
            self.kind.score(self.question, row.example, row.answer, prediction)
            for row, prediction in zip(rows, predictions, strict=True)
        ]

    @cached_property
    def base(self) -> Base:
        """The base model: it has learnt from no label, so that its features may be cross-validated on."""
        return self.load()

    @cached_property
    def problem(self) -> Problem:
        """All `rows`, by their places, as strategies have them."""
        base, question = self.base, self.question
        return Problem.build(question, self.kind, self.rows, base.tokenizer, base.max_length, self.hide_below)

    @cached_property
    def frozen(self) -> Frozen:
        """The regression on the base model's features of all `rows`."""
        base = self.base
        return Frozen.build(self.problem, base.module, base.tokenizer, base.max_length, self.embed)


class Section(Protocol):
    """One part of an inspection, a module's constant; registered in `registry`.

    `look` answers plain JSON data, empty where there is nothing to say; `render` is Markdown of it that begins with
    `## `, or empty. What `look` raises is said in the report in the section's place.
    """

    @property
    def name(self) -> str:
        """As the report has it."""

    def look(self, subject: Subject) -> dict[str, Any]:
        """What is found."""

    def render(self, found: Mapping[str, Any]) -> str:
        """For people."""

"""What a round gives to each of its strategies: the problem, models, folds, and what may be spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from labelwheel.training import memory
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import Model
from labelwheel.training.progress import Progress
from labelwheel.training.ranks import crew
from labelwheel.training.spec import Tuned
from labelwheel.training.strategies import footprint
from labelwheel.training.strategies.lessons import Lesson, Taught
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.validation import Layout
from labelwheel.training.unlabelled import UnlabelledTexts

if TYPE_CHECKING:  # a strategy reads these, and they read what the label names say, which is a strategy too
    from labelwheel.training.strategies.frozen_head import Frozen
    from labelwheel.training.strategies.shrinkage import Setting
    from labelwheel.training.strategies.silver import Assay

_SEARCH_SHARE = 0.2  # of the time for the regression's strength


@dataclass
class Budget:
    """What may be spent: time until `deadline`, as `time.monotonic` has it, and whatever memory the device has.

    The deadline is that of what is going on: strategies ask for it when they need it, and keep none.
    """

    deadline: float

    @property
    def seconds(self) -> float:
        """How much time is left; negative where it is up."""
        return self.deadline - time.monotonic()

    @contextmanager
    def part(self, seconds: float) -> Iterator[bool]:
        """No more than so many seconds inside, afterwards what there was before; gives whether that is less."""
        whole = self.deadline
        self.deadline = min(whole, time.monotonic() + seconds)
        try:
            yield self.deadline < whole
        finally:
            self.deadline = whole


@dataclass(frozen=True)
class Materials:
    """One round's. `base` is the base model with an untrained head, on the job's device; nobody changes it.

    `frozen` has the features of its encoder; `notes` is what people should know, and goes into the report;
    `unlabelled` has texts without an answer, where the job was given any. `asked` are those of them that each part's
    model is asked about, where a smaller model is to learn from what it says; `taught` is what a larger one has said.
    `tuned` are settings of one strategy, which reads them through its `turned`; `effort` is a share of its epochs.
    `text_model` names one that writes answers, `zero_shot` one that is told what options are called; empty where the
    operator has none.
    """

    problem: Problem
    base: Any
    tokenizer: Any
    frozen: Frozen
    champion: Model | None
    max_length: int
    seed: int
    budget: Budget
    progress: Progress
    base_model: str = ""
    notes: list[str] = field(default_factory=list)
    unlabelled: UnlabelledTexts | None = None
    asked: Sequence[Encoding] = ()
    taught: Taught | None = None
    tuned: Tuned | None = None
    effort: float = 1.0
    text_model: str = ""
    zero_shot: str = ""

    @property
    def layout(self) -> Layout:
        """The folds that strategies are measured on."""
        return Layout(self.problem, self.seed)

    @property
    def search_seconds(self) -> float:
        """How long the search for the regression's strength may take, from now on."""
        return _SEARCH_SHARE * max(self.budget.seconds, 1.0)

    def lessons(
        self, learn: Sequence[int], measure: Sequence[int], say: Callable[[Sequence[Encoding]], Sequence[np.ndarray]]
    ) -> list[Lesson]:
        """What a model that has learnt from `learn` says of `asked`, by standardised logits; none where none is."""
        return [Lesson(learn, measure, np.stack(say(self.asked)))] if self.asked else []

    @cached_property
    def fits_whole(self) -> bool:
        """Whether there is memory to fine-tune the whole base model; asked once, so that all strategies agree."""
        return footprint.of_whole(self.base) <= memory.free(str(self.base.device))

    @cached_property
    def fits_sharded(self) -> bool:
        """Whether there is memory to fine-tune it in shards, one for each of the job's processes, where it has some."""
        helpers = crew.present()
        if helpers is None or not helpers.helps:
            return False
        return footprint.of_shard(self.base, helpers.place.total) <= memory.free(str(self.base.device))

    @cached_property
    def silver(self) -> Assay:
        """What a language model says of texts without a label; it is asked once, by whoever asks first.

        Raises TimeoutError where it does not answer.
        """
        from labelwheel.training.strategies import silver

        return silver.assayed(self)

    @cached_property
    def setting(self) -> Setting:
        """How strongly a regression on all labels is held back; searched for once, by whoever asks first."""
        return self.frozen.search(range(len(self.problem)), self.layout.inner(), self.search_seconds)

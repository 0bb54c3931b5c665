"""The base model as a start, with the regression's head: a head that knows nothing would spoil the encoder first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labelwheel.training.strategies import finetuning_plan
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.finetuning_strategy import FineTuning
from labelwheel.training.strategies.regression import Head
from labelwheel.training.strategies.shrinkage import Setting

START_PENALTY = 0.003
"""A head that fits its labels too well leaves the encoder nothing to learn from (measured on SNIPS' training part)."""


class FromBase(FineTuning):
    """Fine-tuning of the whole encoder, from the base model."""

    name = "fine-tuned from the base model"

    def applies(self) -> bool:
        """From two dozen labels on, where there is the memory."""
        return self.is_enough() and self.fits()

    def start(self) -> FineTuned:
        """The base model; for each part a head that has seen no more than that part's labels."""
        given, frozen = self.given, self.given.frozen
        setting = replace(given.setting, penalty=max(given.setting.penalty, START_PENALTY))
        penalty = given.problem.kind.schedule(len(given.problem)).start_penalty
        if penalty is not None:
            setting = Setting(0.0, penalty)

        def head(learn: Sequence[int]) -> Head:
            found = frozen.fit(learn, setting)
            return Head(found.weight / frozen.unit, found.bias)

        return self.training(given.base, finetuning_plan.schedule(given.problem, given.seed), head)

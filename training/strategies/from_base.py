"""The base model as a start, with the regression's head: a head that knows nothing would spoil the encoder first."""

from __future__ import annotations

from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.finetuning_strategy import FineTuning


class FromBase(FineTuning):
    """Fine-tuning of the whole encoder, from the base model."""

    name = "fine-tuned from the base model"

    def applies(self) -> bool:
        """From two dozen labels on, where there is the memory."""
        return self.is_enough() and self.fits()

    def start(self) -> FineTuned:
        """The base model; for each part a head that has seen no more than that part's labels."""
        given = self.given
        return self.training(given.base, self.schedule(), self.regression(given.frozen))

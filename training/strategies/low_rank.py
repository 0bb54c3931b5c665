"""The base model as a start, with adapters in place of training all of its weights.

FIGURES
"""

from __future__ import annotations

from dataclasses import replace

from labelwheel.training.strategies import adapters, footprint
from labelwheel.training.strategies.base import Finished
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.from_base import FromBase

FASTER = 10
"""How many times faster than whole weights adapters learn."""


class LowRank(FromBase):
    """Fine-tuning of adapters (LoRA) and the head; the checkpoint has them merged, and is as plain as any."""

    name = "fine-tuned with LoRA from the base model"

    def applies(self) -> bool:
        """Where the base model is large, or there is not the memory to train the whole of it."""
        return self.is_enough() and (footprint.is_large(self.given.base) or not self.given.fits_whole)

    def start(self) -> FineTuned:
        """As from the base model, at a rate for adapters; each start shares its weights with the base model."""
        given, tuned = self.given, super().start()
        tuned.start = lambda: adapters.fresh(given.base, given.seed)
        tuned.settings = replace(tuned.settings, adapter_rate=tuned.settings.rate * FASTER)
        return tuned

    def finish(self) -> Finished:
        """The model with its adapters merged."""
        module, settings = super().finish()
        layers = sorted({name.rpartition(".")[2] for name in adapters.targets(self.given.base)})
        settings |= {"lora_rank": adapters.RANK, "lora_alpha": adapters.ALPHA, "lora_layers": ", ".join(layers)}
        return Finished(adapters.merged(module), settings)

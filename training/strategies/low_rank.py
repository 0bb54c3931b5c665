"""The base model as a start, with adapters in place of training all of its weights.

Measured with MiniLM on 128 of SNIPS' intents, by `python -m benchmarks.adapters`, accuracy on the 700 test texts:

| seed | regression on the frozen encoder | whole | adapters, 5, 10, 20 times as fast |
| --- | --- | --- | --- |
| 1 | .937 | .927 | .947, .963, .957 |
| 2 | .934 | .966 | .944, .937, .960 |
| 3 | .934 | .973 | .964, .951, .957 |

That is .955 for the whole on average, and .952, .950 and .958 for adapters: they lose nothing that could be told from
chance. Of SNIPS' slots (39 labels, 100 texts, 20 epochs, one seed, span F1 on 350 test texts) the whole learns .614,
adapters that are 3, 10 and 20 times as fast .594, .602 and .570.

A BERT base with random weights and 24 labels, one thread: training takes 290 MB beside the model, of the whole 2.5 GB.
"""

from __future__ import annotations

from dataclasses import replace

from labelwheel.training.strategies import adapters, footprint
from labelwheel.training.strategies.base import Finished
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.from_base import FromBase

FASTER = 10
"""How many times faster adapters learn than whole weights: the usual ratio (Schulman et al. 2025). Twice that is too
fast for spans, whose rate is high already."""


class LowRank(FromBase):
    """Fine-tuning of adapters (LoRA) and the head; the checkpoint has them merged, and is as plain as any."""

    name = "fine-tuned with LoRA from the base model"
    topped = False

    def applies(self) -> bool:
        """Where the base model is large, or there is not the memory to train the whole of it."""
        return self.is_enough() and (footprint.is_large(self.given.base) or not self.given.fits_whole)

    def start(self) -> FineTuned:
        """As from the base model, at a rate for adapters; each start shares its weights with the base model."""
        given, tuned = self.given, super().start()
        tuned.sharded = False
        tuned.start = lambda: adapters.fresh(given.base, given.seed)
        tuned.settings = replace(tuned.settings, adapter_rate=tuned.settings.rate * FASTER)
        return tuned

    def finish(self) -> Finished:
        """The model with its adapters merged."""
        tuned = super().finish()
        layers = sorted({name.rpartition(".")[2] for name in adapters.targets(self.given.base)})
        used = {"lora_rank": adapters.RANK, "lora_alpha": adapters.ALPHA, "lora_layers": ", ".join(layers)}
        return Finished(adapters.merged(tuned.module), tuned.settings | used)

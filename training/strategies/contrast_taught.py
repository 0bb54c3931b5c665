"""The encoder tuned by contrast, on the labels and on what a language model says of texts without one.

It is trained on the labels alone as well, and what the answers bring is found out of fold, as with guesses of its own
(`self_taught`): they count as much as all labels, or not at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from labelwheel.training.strategies.base import Finished, Strategy
from labelwheel.training.strategies.contrastive import Contrastive, Tuned
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.self_taught import SelfTaught, values
from labelwheel.training.strategies.silver import LEAST_LABELS, Silver, is_taught

MOST_TAUGHT = 200
"""With more labels it takes twice the time for too little."""


class ContrastTaught(SelfTaught):
    """Raises TimeoutError where the model does not answer or the budget is spent: the round goes on without it."""

    name = "encoder tuned by contrast, taught by a language model"
    least = LEAST_LABELS

    def applies(self) -> bool:
        """Where a language model teaches, and the encoder can be tuned by contrast."""
        if not len(self.given.problem) <= MOST_TAUGHT or not Contrastive.applies(self):
            return False
        return is_taught(self.given, self.name)

    def replaces(self) -> tuple[type[Strategy], ...]:
        """What it begins with, and where the answers help, what goes on its own guesses instead."""
        return (SelfTaught, *super().replaces()) if self._guessing else super().replaces()

    def measure(self) -> Outcome:
        """With the answers or, where that is better out of fold, without."""
        assay = self.given.silver
        self._texts = assay.vein.rows
        self._shares = {tuple(each.part[0]): each.silver for each in assay.shares}
        found = super().measure()
        said = f"{len(assay.whole.numbers)} answers of a language model"
        return replace(found, detail=found.detail.replace("guesses", said))

    def helps(self, taught: Outcome, plain: Outcome) -> bool:
        """By more than a standard error: what is not people's has to earn its place among what is."""
        gain = np.array(values(plain)) - np.array(values(taught))
        return float(gain.mean()) > float(gain.std(ddof=1)) / math.sqrt(len(gain))

    def finish(self) -> Finished:
        """`silver` is how many answers it has learnt from."""
        found = super().finish()
        count = found.settings["guesses"]
        if count:
            self.given.notes.append(
                f"The model has learnt of {count} answers of a language model to texts without a label, which weigh as "
                "much as all labels together. Nothing is measured by these answers, and none is kept."
            )
        settings = {name: value for name, value in found.settings.items() if name != "guesses"}
        return Finished(found.module, {**settings, "silver": count})

    def _guesses(self, first: Tuned, indices: Sequence[int]) -> Mapping[int, int]:
        """What the language model says, by a text's number: of a part, what was asked with its labels alone."""
        assay, problem = self.given.silver, self.given.problem
        silver: Silver = self._shares.get(tuple(indices), assay.whole)
        kept = assay.vein.undisputed(silver, indices)
        if tuple(indices) not in self._shares:
            # of all labels as many answers each as was measured: more of them would outweigh people's
            each = sum(len(one.silver.numbers) for one in assay.shares) / sum(len(one.part[0]) for one in assay.shares)
            most = math.ceil(each * len(indices))
            kept = Silver(kept.numbers[:most], kept.answers[:most])
        guessed = assay.vein.guessed(kept, 1.0, len(problem))
        return {} if guessed is None else dict(zip(kept.numbers, map(int, guessed.targets), strict=True))

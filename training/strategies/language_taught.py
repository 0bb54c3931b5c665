"""The regression on the frozen encoder, taught by a language model: it answers texts that nobody has labelled.

With LABELWHEEL_LLM_ROLE=teacher it is asked about some texts of a round, the most useful first, and the small model
learns from people's labels and from its answers together. How much one of those weighs beside a label is found out of
fold, and may be nothing. No part hears of the labels that it is measured on: its texts are asked about with prompts of
what it learns from, so that each part has a share of them, and the model of all labels has all.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.language import endpoint
from labelwheel.training.language.endpoint import LanguageModel
from labelwheel.training.strategies import asked_model
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.frozen_head import LOG_LOSS_SHARE
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.silver import is_taught

WEIGHTS = (0.0, 0.1, 0.3, 1.0)
"""Of one answer, beside a label's."""


class LanguageTaught(Strategy):
    """Raises TimeoutError where the model does not answer or the budget is spent: the round goes on without it."""

    name = "regression taught by a language model"
    recipe = "silver"
    cost = Cost.MINUTES
    asked = True

    def applies(self) -> bool:
        """Where the operator has it teach, and there are texts without a label that are read whole."""
        return is_taught(self.given, self.name)

    def measure(self) -> Outcome:
        """Out of fold, each part with the weight that is best on the others."""
        begin, given, model = time.monotonic(), self.given, self._model
        problem, layout, frozen = given.problem, given.layout, given.frozen
        before, assay = asked_model.spent(model), given.silver
        parts, vein = [each.part for each in assay.shares], assay.vein
        logits: dict[float, dict[int, np.ndarray]] = {weight: {} for weight in WEIGHTS}
        for (learn, measure), setting, head, one in assay.shares:
            kept = vein.undisputed(one, learn)
            for weight in WEIGHTS:
                guessed = vein.guessed(kept, weight, len(learn))
                fitted = head if guessed is None else frozen.fit(learn, setting, guessed, start=head)
                logits[weight] |= frozen.logits(fitted, measure)
        chosen, self._weight = self._weighed(parts, logits)
        mixed: dict[int, np.ndarray] = {}
        for weight, (_, measure) in zip(chosen, parts, strict=True):
            mixed |= {place: logits[weight][place] for place in problem.encoded(measure)}
        now, count = asked_model.spent(model), len(assay.whole.numbers)
        detail = (
            f"{count} texts answered by {model.model} at {model.place}, {now.requests - before.requests} request(s), "
            f"{now.money - before.money:.4g} spent, an answer weighs {self._weight:g} of a label"
        )
        return Outcome(self.name, problem, layout.measured(), mixed, time.monotonic() - begin, detail)

    def finish(self) -> Finished:
        """Written into the base model's head; of the answers themselves nothing is kept."""
        given, model, everything = self.given, self._model, range(len(self.given.problem))
        vein, silver, setting = given.silver.vein, given.silver.whole, given.setting
        kept = vein.undisputed(silver, everything)
        learnt = given.frozen.fit(everything, setting, vein.guessed(kept, self._weight, len(everything)))
        module, head = copy.deepcopy(given.base), given.frozen.written(learnt)
        encoders.write_head(module, head.weight, head.bias)
        count = len(silver.numbers)
        disputed = count - len(kept.numbers)
        given.notes.append(
            f"The language model {model.model} at {model.place} has answered {count} texts without a label, and the "
            f"model has learnt of these too, at {self._weight:g} of a label each; {disputed} were left out, as people "
            "answer a text that is about the same otherwise. Nothing is measured by these answers, and none is kept."
        )
        settings = {
            "names_share": setting.share, "penalty": setting.penalty, "balance": setting.balance,
            "teacher": model.model, "silver": len(kept.numbers), "silver_weight": self._weight, "disputed": disputed,
        }  # fmt: skip
        return Finished(module, settings)

    @property
    def _model(self) -> LanguageModel:
        model = endpoint.named()
        assert model is not None
        return model

    def _weighed(
        self, parts: Sequence[Fold], logits: Mapping[float, Mapping[int, np.ndarray]]
    ) -> tuple[list[float], float]:
        """The weight for each part, by all others, and the one by all."""
        losses: dict[float, dict[int, float]] = {}
        for weight, said in logits.items():
            outcome = Outcome(self.name, self.given.problem, sorted(i for _, part in parts for i in part), said)
            fine = outcome.surprise
            losses[weight] = {i: one.loss + LOG_LOSS_SHARE * fine.get(i, 0.0) for i, one in outcome.scores.items()}

        def best(indices: Sequence[int]) -> float:
            # of equal ones the smallest: what does not help is left out
            return min(
                WEIGHTS, key=lambda weight: (round(float(np.mean([losses[weight][i] for i in indices])), 9), weight)
            )

        everything = [index for _, measure in parts for index in measure]
        others = [[index for index in everything if index not in set(measure)] or everything for _, measure in parts]
        return [best(some) for some in others], best(everything)

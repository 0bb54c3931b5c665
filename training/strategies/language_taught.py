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
from labelwheel.training.kinds.base import Row
from labelwheel.training.language import endpoint
from labelwheel.training.language.answers import LanguageAnswers
from labelwheel.training.language.endpoint import TEACHER, LanguageModel
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.strategies import asked_model
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.frozen_head import LOG_LOSS_SHARE
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.silver import Silver, Vein

WEIGHTS = (0.0, 0.1, 0.3, 1.0)
"""Of one answer, beside a label's."""

SHARE = 0.5
"""Of today's budget and of the time that is left: the rest is for suggestions, and for other strategies."""

LEAST, LEAST_LABELS = 12, 6
"""With fewer answers, or fewer labels, no weight could be found."""


class LanguageTaught(Strategy):
    """Raises TimeoutError where the model does not answer or the budget is spent: the round goes on without it."""

    name = "regression taught by a language model"
    recipe = "silver"
    cost = Cost.MINUTES
    asked = True

    def applies(self) -> bool:
        """Where the operator has it teach, and there are texts without a label that are read whole."""
        given, model = self.given, endpoint.named()
        if model is None or model.role != TEACHER or given.problem.kind.free or len(given.problem) < LEAST_LABELS:
            return False
        why = None
        if given.problem.kind.row is not Row.TEXT:
            why = "only questions about whole texts are taught so"
        elif given.unlabelled is None or len(given.unlabelled) < LEAST:
            there = 0 if given.unlabelled is None else len(given.unlabelled)
            why = f"there are {there} texts without a label, and it takes {LEAST}"
        if why is not None:
            given.notes.append(f"{self.name}: not tried, {why}")
        return why is None

    def measure(self) -> Outcome:
        """Out of fold, each part with the weight that is best on the others."""
        begin, given, model = time.monotonic(), self.given, self._model
        problem, layout, frozen = given.problem, given.layout, given.frozen
        parts, seconds, before = layout.parts(), given.search_seconds, asked_model.spent(model)
        settings = [
            frozen.search(learn, layout.inner(learn), seconds) if layout.nests else given.setting for learn, _ in parts
        ]
        heads = [frozen.fit(learn, setting) for (learn, _), setting in zip(parts, settings, strict=True)]
        self._vein = vein = Vein(given)
        silver = self._asked(vein, parts, vein.useful(heads, model.silver))
        logits: dict[float, dict[int, np.ndarray]] = {weight: {} for weight in WEIGHTS}
        for (learn, measure), setting, head, one in zip(parts, settings, heads, silver, strict=True):
            kept = vein.undisputed(one, learn)
            for weight in WEIGHTS:
                guessed = vein.guessed(kept, weight, len(learn))
                fitted = head if guessed is None else frozen.fit(learn, setting, guessed, start=head)
                logits[weight] |= frozen.logits(fitted, measure)
        self._silver = Silver([n for one in silver for n in one.numbers], [a for one in silver for a in one.answers])
        chosen, self._weight = self._weighed(parts, logits)
        mixed: dict[int, np.ndarray] = {}
        for weight, (_, measure) in zip(chosen, parts, strict=True):
            mixed |= {place: logits[weight][place] for place in problem.encoded(measure)}
        now, count = asked_model.spent(model), len(self._silver.numbers)
        detail = (
            f"{count} texts answered by {model.model} at {model.place}, {now.requests - before.requests} request(s), "
            f"{now.money - before.money:.4g} spent, an answer weighs {self._weight:g} of a label"
        )
        return Outcome(self.name, problem, layout.measured(), mixed, time.monotonic() - begin, detail)

    def finish(self) -> Finished:
        """Written into the base model's head; of the answers themselves nothing is kept."""
        given, model, everything = self.given, self._model, range(len(self.given.problem))
        kept, setting = self._vein.undisputed(self._silver, everything), given.setting
        learnt = given.frozen.fit(everything, setting, self._vein.guessed(kept, self._weight, len(everything)))
        module, head = copy.deepcopy(given.base), given.frozen.written(learnt)
        encoders.write_head(module, head.weight, head.bias)
        count = len(self._silver.numbers)
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

    def _asked(self, vein: Vein, parts: Sequence[Fold], wanted: Sequence[Sequence[int]]) -> list[Silver]:
        problem, model = self.given.problem, self._model
        entry = LanguageEntry(model=model.model, project=model.project, slope=1.0)
        askers = [LanguageAnswers(entry, problem.question, asked_model.shown(problem, learn)) for learn, _ in parts]
        before = asked_model.spent(model).money
        most = before + SHARE * (model.budget - before)
        with self.given.budget.part(SHARE * self.given.budget.seconds):
            found = vein.panned(askers, wanted, lambda: asked_model.spent(model).money <= most)
        count = sum(len(one.numbers) for one in found)
        if count < LEAST:
            why = next((asker.problem for asker in askers if asker.problem), "its answers do not fit the question")
            raise TimeoutError(f"{count} of {sum(map(len, wanted))} texts were answered: {why}")
        return found

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

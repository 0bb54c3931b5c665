"""The champion as a start for its challenger."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.model import Model
from labelwheel.training.strategies import finetuning_plan, label_names
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.finetuning_strategy import FINETUNED, LEAST_TUNED, FineTuning
from labelwheel.training.strategies.problem import Problem


class FromChampion(FineTuning):
    """Fine-tuning of the whole encoder goes on where the champion's ended: half the epochs, at a slower head."""

    name = "fine-tuned from the champion"
    continues = True

    def applies(self) -> bool:
        """Where the champion was tuned from the same base model, and there are new labels to measure it on."""
        champion, problem, notes = self.given.champion, self.given.problem, self.given.notes
        if champion is None or champion.manifest.recipe not in (FINETUNED, Contrastive.recipe):
            return False
        manifest = champion.manifest
        if manifest.question.kind != problem.question.kind or manifest.base_model != self.given.base_model:
            notes.append(f"{self.name}: not tried, it has another base model or kind of question")
            return False
        fresh = sum(row.fresh for row in problem.rows)
        if fresh < LEAST_TUNED or not self.is_enough():
            notes.append(f"{self.name}: not tried, {fresh} new label(s) are too few to measure it on")
            return False
        return self.fits()

    def start(self) -> FineTuned:
        """The champion with a row for each of today's labels."""
        given = self.given
        assert given.champion is not None
        settings = finetuning_plan.schedule(given.problem, given.seed)
        settings = replace(settings, epochs=max(3, settings.epochs // 2), head_rate=settings.head_rate / 4)
        return self.training(grown(given.champion, given.problem, given.tokenizer, given.max_length), settings, None)


def grown(champion: Model, problem: Problem, tokenizer: Any, max_length: int) -> Any:
    """The champion with a row for each of today's labels: its own by name, new ones from their names."""
    module = copy.deepcopy(champion.module)
    weight, bias = encoders.read_head(module)
    place = {label: index for index, label in champion.id2label.items()}
    rows, biases = np.zeros((len(problem.id2label), weight.shape[1])), np.zeros(len(problem.id2label))
    said = label_names.directions(problem.question, module, tokenizer, max_length)
    if said is not None:
        head = label_names.names_head(said[0], problem.kind)
        rows, biases = head.weight / said[1], head.bias
    for index, label in problem.id2label.items():
        if label in place:
            rows[index] = weight[place[label]] / problem.scale
            biases[index] = (bias[place[label]] - problem.centre) / problem.scale
    encoders.resize_head(module, problem.kind.config(problem.question))
    encoders.write_head(module, rows, biases)
    return module

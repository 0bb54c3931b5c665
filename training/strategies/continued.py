"""The champion as a start for its challenger; where one option is right, half way back to the base model."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from labelwheel.training import encoders
from labelwheel.training.model import Model
from labelwheel.training.strategies import label_names
from labelwheel.training.strategies.contrastive import Contrastive
from labelwheel.training.strategies.distilled import Distilled
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.finetuning_strategy import FINETUNED, LEAST_TUNED, FineTuning
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.knobs import Knob
from labelwheel.training.strategies.problem import Problem

KEPT = 0.5
"""The champion's share in each weight of the encoder, the rest is the base model's."""

NOISE = 0.01
"""Of a matrix' own spread."""


class FromChampion(FineTuning):
    """Fine-tuning of the whole encoder goes on where the champion's ended, or half way back, for half the epochs.

    Weights in the middle of what was tuned and what it was tuned from (WiSE-FT, arXiv 2109.01903), with a little noise,
    learn what is new nearly as a fresh start does and keep what was learnt (shrink and perturb, arXiv 1910.08475, which
    shrinks towards zero: here there is a better place). The head is a regression on that encoder's features.

    Measured with MiniLM, a champion of 64 labels (by contrast) and 64 new ones, the first of one half of the classes
    and the new of the other; accuracy on 300 texts (of trec6 500), in brackets of the first half's; schedules in full:

    | set | seeds | from the champion as it is | half way back | from the base model |
    | --- | --- | --- | --- | --- |
    | trec6 | 1 | .840 (.780) | .878 (.847) | .752 (.645) |
    | snips | 3 | .952 (.947) | .967 (.969) | .967 (.977), one seed |
    | banking77 | 3 | .681 (.658) | .706 (.679) | .677 (.683), one seed |

    Where the new labels are of all classes, as the first were, there is nothing to keep, and a draw of SNIPS and one of
    banking77 show no difference (.947 and .943, .677 and .680). Questions of other kinds were not measured, and start
    from the champion as it is, with its own head. Nothing more is replayed: each epoch has all labels, and rare classes
    weigh more.
    """

    name = "fine-tuned from the champion"
    continues = True
    knobs: ClassVar[tuple[Knob, ...]] = ()  # a search has no champion to start from

    def applies(self) -> bool:
        """Where the champion was tuned from the same base model, and there are new labels to measure it on."""
        champion, problem, notes = self.given.champion, self.given.problem, self.given.notes
        if champion is None or champion.manifest.recipe not in (FINETUNED, Contrastive.recipe, Distilled.recipe):
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
        """Half way back, for each part a head that has seen no more than that part's labels."""
        given = self.given
        assert given.champion is not None
        settings = self.schedule()
        settings = replace(settings, epochs=max(3, settings.epochs // 2), head_rate=settings.head_rate / 4)
        if not given.problem.kind.exclusive:
            start = grown(given.champion, given.problem, given.tokenizer, given.max_length)
            return self.training(start, settings, None)
        module = between(given.base, given.champion.module, given.seed)
        frozen = Frozen.build(given.problem, module, given.tokenizer, given.max_length, encoders.features)
        return self.training(module, settings, self.regression(frozen))


def between(base: Any, champion: Any, seed: int, kept: float = KEPT, noise: float = NOISE) -> Any:
    """The base model, with an encoder on the way to a champion's that was tuned from it; its head stays as it is."""
    import torch

    module = copy.deepcopy(base)
    tuned = dict(champion.named_parameters())
    apart = {id(parameter) for parameter in (*encoders.head(module).parameters(), *encoders.still_parameters(module))}
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if id(parameter) in apart:
                continue
            parameter.lerp_(tuned[name].to(parameter.device), kept)
            if parameter.ndim > 1:
                drawn = torch.randn(parameter.shape, generator=chance).to(parameter.device)
                parameter.add_(drawn, alpha=noise * float(tuned[name].std()))
    return module


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

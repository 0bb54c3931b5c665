"""The champion as a start for its challenger."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from labelwheel.training import encoders
from labelwheel.training.model import Model
from labelwheel.training.strategies import label_names
from labelwheel.training.strategies.frozen_head import names_head
from labelwheel.training.strategies.problem import Problem


def grown(champion: Model, problem: Problem, tokenizer: Any, max_length: int) -> Any:
    """The champion with a row for each of today's labels: its own by name, new ones from their names."""
    module = copy.deepcopy(champion.module)
    last = encoders.head(module)
    weight, bias = last.weight.detach().cpu().numpy(), last.bias.detach().cpu().numpy()
    place = {label: index for index, label in champion.id2label.items()}
    rows, biases = np.zeros((len(problem.id2label), weight.shape[1])), np.zeros(len(problem.id2label))
    said = label_names.directions(problem.question, module, tokenizer, max_length)
    if said is not None:
        head = names_head(said[0], problem.question.kind)
        rows, biases = head.weight / said[1], head.bias
    for index, label in problem.id2label.items():
        if label in place:
            rows[index] = weight[place[label]] / problem.scale
            biases[index] = (bias[place[label]] - problem.centre) / problem.scale
    encoders.resize_head(module, problem.learner.config(problem.question))
    encoders.write_head(module, rows, biases)
    return module

"""What people said of some texts and a larger model of others, as one problem for the loop that fine-tunes.

A target has both: whether there is a label, whether there is an answer of the larger model, the label as the question's
own objective takes it, and that answer's logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.objectives import Objective, Softmax
from labelwheel.training.questions import Example
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies.problem import Problem

TEMPERATURE = 2.0
"""What logits are divided by, on both sides, beside what calibrates them: small chances then count (Hinton et al.)."""

LABELS_SHARE = 0.5
"""All labels together weigh so many times what all answers of the larger model do."""


class SoftTargets(Objective):
    """The loss of the question's own objective where there is a label, and the distance from the other's logits.

    `width` is how many numbers a label has, `each` how much one label weighs.
    """

    def __init__(self, own: Objective, own_weights: np.ndarray | None, width: int, each: float) -> None:
        self._own, self._weights, self._width, self._each = own, own_weights, width, each

    @classmethod
    def of(cls, own: Objective, weights: Sequence[float] | None, width: int, each: float) -> SoftTargets:
        """From what `settings` gave."""
        return cls(own, None if weights is None else np.asarray(weights), width, each)

    def settings(self) -> dict[str, Any]:
        """All but the question's own objective, as JSON has it."""
        weights = None if self._weights is None else self._weights.tolist()
        return {"weights": weights, "width": self._width, "each": self._each}

    def torch_loss(self, logits: Any, labels: Any, weights: Any) -> Any:
        """The sum over rows, times the numbers of a target, by which the loop divides it again."""
        import torch

        known, heard = labels[:, 0] > 0, labels[:, 1] > 0
        target, said = labels[:, 2 : 2 + self._width], labels[:, 2 + self._width :]
        if isinstance(self._own, Softmax):
            target = target[:, 0].long()
        own = None if self._weights is None else torch.as_tensor(self._weights, dtype=torch.float32).to(logits.device)
        loss = logits.sum() * 0.0
        if known.any():
            loss = loss + self._each * self._own.torch_loss(logits[known], target[known], own)
        if heard.any():
            loss = loss + self._own.soft_loss(logits[heard], said[heard], TEMPERATURE)
        return loss * labels.shape[1]

    def losses(self, logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Raises TypeError: what was learnt is measured on labels, by the question's own objective."""
        raise TypeError("soft targets are learnt from, and nothing is measured on them")

    def gradient(self, logits: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raises TypeError: a regression learns from labels alone."""
        raise TypeError("soft targets are for encoders; a regression learns from labels")


@dataclass(frozen=True)
class Softened(Problem):
    """The labelled examples of a problem, and then the texts without a label."""

    soft: SoftTargets | None = None

    @cached_property
    def objective(self) -> Objective:
        """What is minimised."""
        assert self.soft is not None
        return self.soft


def softened(
    problem: Problem,
    learn: Sequence[int],
    labelled: Mapping[int, np.ndarray],
    texts: Sequence[Example],
    rows: Sequence[Encoding],
    said: np.ndarray,
) -> Softened:
    """A problem's examples `learn`, with what is `said` of them, by number, and of texts, (texts, outputs).

    `rows` has an encoding for each text.
    """
    places = problem.encoded(learn)
    own = [np.atleast_1d(problem.targets[place]).astype(np.float32) for place in places]
    width, outputs = len(own[0]), said.shape[1]
    nothing = np.zeros(outputs, dtype=np.float32)
    targets = []
    for place, target in zip(places, own, strict=True):
        heard = labelled.get(problem.encodings[place].example)
        targets.append(np.concatenate([[1.0, heard is not None], target, nothing if heard is None else heard]))
    targets += [np.concatenate([[0.0, 1.0], np.zeros(width), one]) for one in said]
    number = {index: place for place, index in enumerate(learn)}
    encodings = [
        replace(problem.encodings[place], example=number[problem.encodings[place].example]) for place in places
    ]
    encodings += [replace(row, example=len(learn) + place) for place, row in enumerate(rows)]
    given = [problem.rows[index] for index in learn]
    # nobody reads the answer of a text without a label: its target is what was said of it
    given += [LabelledExample(example=one, answer=None, part=Part.TRAIN, group=one.key) for one in texts]
    weights = problem.objective.weights([problem.targets[place] for place in places], len(problem.id2label))
    answers = len(rows) + sum(index in labelled for index in learn)
    soft = SoftTargets(problem.objective, weights, width, LABELS_SHARE * max(1.0, answers / max(1, len(learn))))
    return Softened(
        problem.question, problem.kind, given, encodings, targets, problem.id2label, problem.centre, problem.scale,
        problem.hide_below, soft,
    )  # fmt: skip

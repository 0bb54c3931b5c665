"""What a larger model says of texts, so that a smaller one can learn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from labelwheel.training.evaluation.findings import Trial
from labelwheel.training.questions import Example


class Lesson(NamedTuple):
    """One part's: what a model that has learnt from `learn` alone says of texts, by logits (texts, outputs).

    A smaller model that learns from these texts and labels can be measured on `measure`.
    """

    learn: Sequence[int]
    measure: Sequence[int]
    said: np.ndarray


@dataclass(frozen=True)
class Taught:
    """All that a larger model has to say, by standardised logits over its temperature.

    `texts` are without a label, and what it `said` of them (texts, outputs) is that of the model which has learnt from
    all labels; of labelled examples it is what a model said that had not learnt from them, by the example's number.
    `parts` has what each part's model said of `texts`. The numbers of examples are those of `strategies.problem`.
    """

    base_model: str
    strategy: str
    score: float | None
    texts: Sequence[Example]
    said: np.ndarray
    labelled: Mapping[int, np.ndarray]
    parts: Sequence[Lesson]
    trials: Sequence[Trial] = ()

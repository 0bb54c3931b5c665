"""What every kind of question needs to be learnt: encode, decode, score; the loop around them is the same for all.

Serving uses `encode` and `decode` as training does, so that what was measured is what is served; any engine that turns
encodings into logits (torch, ONNX Runtime) fits between the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from labelwheel.training.questions import Answer, Example, Prediction, Question
from labelwheel.training.spec import Unit


@dataclass(frozen=True, slots=True)
class Encoding:
    """One row for the model: the tokens of one text, or of one window of a long text.

    `example` is the index of the example in the list that was encoded; `side` is 0, or 1 for the right text of a
    pairwise question; `offsets` are the tokens' code-point ranges in the text, (0, 0) for special ones (spans only).
    """

    example: int
    input_ids: Sequence[int]
    side: int = 0
    offsets: Sequence[tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """How good one prediction is: `loss` in [0, 1] and the hits and misses by class (see `training.spec.Pair`)."""

    loss: float
    units: Mapping[str, Unit] = field(default_factory=dict)


class Learner(ABC):
    """One kind of question, stateless."""

    auto_class: str
    """The transformers class that its checkpoints load with, such as `AutoModelForSequenceClassification`."""

    metric: str
    """The name of the metric that `headline` computes, such as `accuracy` or `span_f1`."""

    @abstractmethod
    def config(self, question: Question) -> dict[str, Any]:
        """What goes into the model's config: num_labels, id2label, label2id, problem_type."""

    @abstractmethod
    def encode(
        self, question: Question, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> list[Encoding]:
        """Rows for the model, in the order of the examples; an example without text gives none."""

    @abstractmethod
    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
        id2label: Mapping[int, str],
        calibration: Mapping[str, float],
    ) -> list[Prediction]:
        """One prediction per example, in order. Labels that the question no longer has are never predicted.

        `logits[i]` belongs to `encodings[i]`: (labels,) for a text, (tokens, labels) for spans, float32.
        `calibration` comes from the checkpoint's manifest (such as a temperature); empty means none.
        """

    @abstractmethod
    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """How good a prediction is against what people answered."""

    @abstractmethod
    def headline(self, scores: Sequence[Score]) -> float:
        """The metric in [0, 1], higher is better, over examples."""

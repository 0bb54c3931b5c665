"""Rating: one of a few ordered numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from labelwheel.training.kinds import texts
from labelwheel.training.kinds.base import Encoding, Score
from labelwheel.training.kinds.choice import Classification
from labelwheel.training.questions import Answer, Example, Prediction, Question
from labelwheel.training.spec import Unit


class Rating(Classification):
    """Softmax over the values, answered with the median: of all answers the one with the least expected distance."""

    metric = "closeness"

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
        id2label: Mapping[int, str],
        calibration: Mapping[str, float],
    ) -> list[Prediction]:
        known = texts.known_labels(question, id2label)
        found = [Prediction()] * len(examples)
        if known.any():
            values = np.array([int(id2label[index]) for index in range(len(id2label))])
            order = np.argsort(values)
            for row, raw in zip(encodings, logits, strict=True):
                probabilities = texts.softmax(raw, known, calibration.get(texts.TEMPERATURE, 1.0))
                median = int(order[np.searchsorted(np.cumsum(probabilities[order]), 0.5 - 1e-9)])
                found[row.example] = Prediction(answer=int(values[median]), score=float(probabilities[median]))
        return found

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Loss is the distance over the range; 1 where nothing was answered."""
        if prediction.answer is None:
            return Score(loss=1.0, units={str(gold): Unit(false_negatives=1)})
        loss = abs(prediction.answer - gold) / ((question.maximum or 0) - (question.minimum or 0))
        return Score(loss=float(min(loss, 1.0)), units=super().score(question, example, gold, prediction).units)

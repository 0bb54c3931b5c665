"""Choice: exactly one of the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.kinds import texts
from labelwheel.training.kinds.base import Encoding, Score
from labelwheel.training.questions import Answer, Example, Prediction, Question
from labelwheel.training.spec import Unit


class Classification(texts.TextLearner):
    """Softmax over the options; the score is the probability of the one that is answered."""

    metric = "accuracy"

    def config(self, question: Question) -> dict[str, Any]:
        return texts.label_config(question.values, "single_label_classification")

    def targets(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        encodings: Sequence[Encoding],
        id2label: Mapping[int, str],
    ) -> list[np.ndarray]:
        """What to train on: for each encoding the label's number."""
        place = texts.label_index(id2label)
        return [np.asarray(place[str(answers[row.example])]) for row in encodings]

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
            for row, values in zip(encodings, logits, strict=True):
                probabilities = texts.softmax(values, known, calibration.get(texts.TEMPERATURE, 1.0))
                best = int(probabilities.argmax())
                found[row.example] = Prediction(answer=id2label[best], score=float(probabilities[best]))
        return found

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Loss is 1 where another label, or none, was answered."""
        given = prediction.answer
        if given == gold:
            return Score(loss=0.0, units={str(gold): Unit(true_positives=1)})
        units = {str(gold): Unit(false_negatives=1)}
        if given is not None:
            units[str(given)] = Unit(false_positives=1)
        return Score(loss=1.0, units=units)

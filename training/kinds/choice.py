"""Choice: exactly one of the options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.kinds import agreement, checks, scores, texts
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.objectives import Objective, Softmax
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.kinds.scores import NOTHING
from labelwheel.training.kinds.texts import Outputs
from labelwheel.training.questions import Answer, Example, Prediction, Question
from labelwheel.training.spec import Unit


class Single(texts.TextKind):
    """One class for each text: softmax over the values; the score is the probability of the one that is answered."""

    metric = "accuracy"
    problem_type = "single_label_classification"

    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        return checks.known(question, answer)

    def agree(self, answers: Sequence[Answer]) -> Answer:
        """What most of them said."""
        return agreement.most(answers)

    def feature(self, question: Question) -> Any:
        import datasets

        return datasets.ClassLabel(names=list(question.values))

    def objective(self) -> Objective:
        return Softmax()

    def target(self, question: Question, answer: Answer, outputs: Outputs) -> np.ndarray:
        """The label's number."""
        return np.asarray(outputs.places[str(answer)])

    def prediction(
        self, question: Question, logits: np.ndarray, outputs: Outputs, calibration: Mapping[str, float]
    ) -> Prediction:
        if not outputs.known.any():
            return Prediction()
        probabilities = texts.softmax(logits, outputs.known, calibration.get(TEMPERATURE, 1.0))
        best = int(probabilities.argmax())
        return Prediction(answer=outputs.labels[best], score=float(probabilities[best]))

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Loss is 1 where another label, or none, was answered."""
        given = prediction.answer
        if given == gold:
            return Score(loss=0.0, units={str(gold): Unit(true_positives=1)})
        units = {str(gold): Unit(false_negatives=1)}
        if given is not None:
            units[str(given)] = Unit(false_positives=1)
        return Score(loss=1.0, units=units)

    def summary(self, question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
        return scores.accuracy(golds, answers)

    def confused(self, question: Question, gold: Answer, answer: Answer) -> list[tuple[str, str]]:
        return [(str(gold), NOTHING if answer is None else str(answer))] if gold != answer else []


class Choice(Single):
    """One of the options, whose names mean something."""

    name = "choice"
    told_by_labels = True
    named = True
    exclusive = True
    held_to_names = True

    def objective(self) -> Objective:
        return Softmax(names=True)

    def from_config(self, config: Mapping[str, Any], field: str) -> Question | None:
        labels = texts.labels_in(config, ("single_label_classification", None))
        if labels is None:
            return None
        return Question(name="label", kind=self.name, inputs=(field,), options=texts.options(labels))

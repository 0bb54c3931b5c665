"""Rating: one of a few ordered numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.kinds import agreement, checks, scores, texts
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.choice import Single
from labelwheel.training.kinds.coding import Distance
from labelwheel.training.kinds.coding import Unit as Coded
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.kinds.texts import Outputs
from labelwheel.training.questions import Answer, Example, Prediction, Question, brief
from labelwheel.training.spec import Unit


class Rating(Single):
    """Softmax over the values, answered with the median: of all answers the one with the least expected distance."""

    name = "rating"
    told_by_labels = True
    metric = "closeness"
    needs_options = False
    least_labels = 6
    distance = Distance.ORDINAL

    def check_question(self, question: Question) -> None:
        super().check_question(question)
        if question.minimum is None or question.maximum is None or question.minimum >= question.maximum:
            raise ValueError(f"question {question.name!r}: a rating needs a minimum below its maximum")

    def values(self, question: Question) -> tuple[str, ...]:
        """The numbers as text."""
        assert question.minimum is not None
        assert question.maximum is not None
        return tuple(str(value) for value in range(int(question.minimum), int(question.maximum) + 1))

    def item(self, value: str) -> Answer:
        return int(value)

    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        number = checks.number(question, answer)
        if number != int(number):
            raise InvalidAnswer(f"{question.name!r} is answered with a whole number, not {brief(answer)}")
        return int(number)

    def agree(self, answers: Sequence[Answer]) -> Answer:
        """The median."""
        return agreement.middle(answers)

    def coded(self, question: Question, example: Example, answers: Sequence[Answer]) -> list[Coded]:
        return [Coded([float(answer) for answer in answers])]

    def alternatives(self, question: Question, example: Example, answer: Answer) -> Iterator[Answer]:
        others = (int(value) for value in self.values(question) if value != str(answer))
        return iter(sorted(others, key=lambda value: abs(value - answer)))

    def feature(self, question: Question) -> Any:
        import datasets

        return datasets.Value("int64")

    def prediction(
        self, question: Question, logits: np.ndarray, outputs: Outputs, calibration: Mapping[str, float]
    ) -> Prediction:
        if not outputs.known.any():
            return Prediction()
        values = np.array([int(label) for label in outputs.labels])
        order = np.argsort(values)
        probabilities = texts.softmax(logits, outputs.known, calibration.get(TEMPERATURE, 1.0))
        median = int(order[np.searchsorted(np.cumsum(probabilities[order]), 0.5 - 1e-9)])
        return Prediction(answer=int(values[median]), score=float(probabilities[median]))

    def held(self, question: Question, item: Answer, prediction: Prediction) -> float:
        """The score of the same value; of another, less the further it is away."""
        if prediction.answer is None or prediction.answer == item:
            return prediction.score
        return -abs(prediction.answer - item) / ((question.maximum or 0) - (question.minimum or 0))

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Loss is the distance over the range; 1 where nothing was answered."""
        if prediction.answer is None:
            return Score(loss=1.0, units={str(gold): Unit(false_negatives=1)})
        loss = abs(prediction.answer - gold) / ((question.maximum or 0) - (question.minimum or 0))
        return Score(loss=float(min(loss, 1.0)), units=super().score(question, example, gold, prediction).units)

    def summary(self, question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
        return scores.accuracy(golds, answers) | scores.distance(golds, answers)

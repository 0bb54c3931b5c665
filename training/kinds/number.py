"""Number: any finite number."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.kinds import checks, scores, texts
from labelwheel.training.kinds.asking import Widget
from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.coding import Distance, Unit
from labelwheel.training.kinds.objectives import Objective, Squared
from labelwheel.training.kinds.texts import Outputs
from labelwheel.training.questions import Answer, Example, Prediction, Question

RESIDUAL = "residual"
DECIMALS = "decimals"
LOW, HIGH = "low", "high"

TOLERANCE = 0.1
"""An answer counts as right within a tenth of the range."""


class Number(texts.TextKind):
    """Regression; the model's one output is the number itself.

    The score is the probability that the answer is within a tenth of the range (of what was seen, if the question sets
    none), as the size of the errors on held-apart examples says (`residual`, a Laplace distribution's scale).
    """

    name = "number"
    widget = Widget.NUMBER
    metric = "closeness"
    problem_type = "regression"
    needs_options = False
    least_labels = 6
    standardised = True
    searched_by_loss = True
    tolerance = 0.01
    distance = Distance.INTERVAL

    def outputs(self, question: Question) -> Sequence[str]:
        return (question.name,)

    def check(self, question: Question, answer: Answer, example: Example) -> Answer:
        return checks.number(question, answer)

    def agree(self, answers: Sequence[Answer]) -> Answer:
        """The median."""
        return statistics.median(answers)

    def coded(self, question: Question, example: Example, answers: Sequence[Answer]) -> list[Unit]:
        return [Unit([float(answer) for answer in answers])]

    def alternatives(self, question: Question, example: Example, answer: Answer) -> Iterator[Answer]:
        """A tenth of the range to either side, or of the number itself where no range is set."""
        low, high = question.minimum, question.maximum
        step = TOLERANCE * ((high - low) if low is not None and high is not None else abs(answer) or 1.0)
        for other in (answer + step, answer - step):
            if other != answer and (low is None or other >= low) and (high is None or other <= high):
                yield other

    def labels(self, question: Question, answer: Answer) -> list[str]:
        """None: a number is no class."""
        return []

    def strata(self, answers: Sequence[Answer]) -> list[str]:
        """Quarters."""
        edges = np.quantile(np.asarray(answers, dtype=float), [0.25, 0.5, 0.75]) if answers else []
        return [str(int(np.searchsorted(edges, float(answer)))) for answer in answers]

    def feature(self, question: Question) -> Any:
        import datasets

        return datasets.Value("float64")

    def from_config(self, config: Mapping[str, Any], field: str) -> Question | None:
        labels = texts.labels_in(config, (self.problem_type,))
        return None if labels is None else Question(name=labels[0], kind=self.name, inputs=(field,))

    def objective(self) -> Objective:
        return Squared()

    def habits(self, question: Question, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, float]:
        return habits(answers)

    def calibrate(self, values: np.ndarray, targets: np.ndarray, scale: float) -> dict[str, float]:
        return {RESIDUAL: float(np.abs(values - targets).mean() * scale)}

    def target(self, question: Question, answer: Answer, outputs: Outputs) -> np.ndarray:
        return np.asarray([answer], dtype=np.float64)

    def prediction(
        self, question: Question, logits: np.ndarray, outputs: Outputs, calibration: Mapping[str, float]
    ) -> Prediction:
        low = question.minimum if question.minimum is not None else -math.inf
        high = question.maximum if question.maximum is not None else math.inf
        decimals = int(calibration.get(DECIMALS, 6))
        # clipped again: rounding may step over an edge that has more decimals than the labels
        number = min(max(round(min(max(float(logits[0]), low), high), decimals), low), high)
        return Prediction(answer=int(number) if decimals == 0 else number, score=_sureness(question, calibration))

    def held(self, question: Question, item: Answer, prediction: Prediction) -> float:
        """1 where it is the same, 0 where it is so far away that it no longer counts as right."""
        return max(1.0 - self.score(question, Example(key="", fields={}), item, prediction).loss / TOLERANCE, -1.0)

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Loss is the distance over the range, or over the greater of both numbers without one; at most 1."""
        if prediction.answer is None:
            return Score(loss=1.0)
        distance = abs(prediction.answer - gold)
        if question.minimum is not None and question.maximum is not None and question.maximum > question.minimum:
            scale = question.maximum - question.minimum
        else:
            scale = max(abs(gold), abs(prediction.answer))
        return Score(loss=float(min(distance / scale, 1.0)) if scale else 0.0)

    def summary(self, question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
        return scores.distance(golds, answers)

    def confused(self, question: Question, gold: Answer, answer: Answer) -> list[tuple[str, str]]:
        return []


def habits(answers: Sequence[Answer]) -> dict[str, float]:
    """How people write numbers here, for the checkpoint's calibration: decimals, least and greatest."""
    decimals = max((len(f"{answer:.6f}".rstrip("0").split(".")[1]) for answer in answers), default=6)
    return {DECIMALS: float(decimals), LOW: float(min(answers)), HIGH: float(max(answers))}


def _sureness(question: Question, calibration: Mapping[str, float]) -> float:
    low = question.minimum if question.minimum is not None else calibration.get(LOW)
    high = question.maximum if question.maximum is not None else calibration.get(HIGH)
    residual = calibration.get(RESIDUAL)
    if residual is None or low is None or high is None:
        return 0.5
    return 1.0 if residual <= 0 else float(1.0 - math.exp(-TOLERANCE * (high - low) / residual))

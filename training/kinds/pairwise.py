"""Pairwise: which of two texts is the better one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from labelwheel.training.kinds import texts
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.kinds.choice import Single
from labelwheel.training.kinds.objectives import Objective, Preference
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.kinds.texts import Outputs
from labelwheel.training.questions import Answer, Example, Prediction, Question


class Pairwise(Single):
    """Each side gets one number, and their difference is the log-odds of left (Bradley and Terry 1952)."""

    name = "pairwise"
    problem_type = "regression"
    row = Row.PAIR
    fields = 2
    needs_options = False
    least_labels = 6

    def values(self, question: Question) -> tuple[str, ...]:
        return ("left", "right")

    def outputs(self, question: Question) -> Sequence[str]:
        return ("preference",)

    def objective(self) -> Objective:
        return Preference()

    def target(self, question: Question, answer: Answer, outputs: Outputs) -> np.ndarray:
        """Whether the left side was preferred."""
        return np.asarray([answer == "left"], dtype=np.float32)

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
        id2label: Mapping[int, str],
        calibration: Mapping[str, float],
    ) -> list[Prediction]:
        sides: dict[int, dict[int, float]] = {}
        for row, raw in zip(encodings, logits, strict=True):
            sides.setdefault(row.example, {})[row.side] = float(raw[0])
        found = [Prediction()] * len(examples)
        for index, values in sides.items():
            if len(values) == 2:
                left = float(texts.sigmoid(np.asarray((values[0] - values[1]) / calibration.get(TEMPERATURE, 1.0))))
                answer, score = ("left", left) if left >= 0.5 else ("right", 1.0 - left)
                found[index] = Prediction(answer=answer, score=score)
        return found

"""What the kinds that read whole texts share: one row per text, softmax and sigmoid, and the config of a classifier."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training.kinds import scaling
from labelwheel.training.kinds.base import Encoding, QuestionKind, Score, label_config
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.kinds.schedules import Schedule
from labelwheel.training.questions import Answer, Example, Option, Prediction, Question

_FEW = 400


class Outputs(NamedTuple):
    """What a checkpoint's outputs are called, at which place each is, and which of them the question still has."""

    labels: Sequence[str]
    places: Mapping[str, int]
    known: np.ndarray

    @classmethod
    def of(cls, question: Question, id2label: Mapping[int, str]) -> Outputs:
        labels = [id2label[index] for index in range(len(id2label))]
        known = np.array([label in question.places for label in labels], dtype=bool)
        return cls(labels, {label: index for index, label in enumerate(labels)}, known)


class TextKind(QuestionKind):
    """A kind of question that reads each text whole: one row of logits for a text, or for each side of a pair."""

    auto_class = "AutoModelForSequenceClassification"

    problem_type: str
    """What transformers calls the problem, which decides how other programs read the model."""

    def config(self, question: Question) -> dict[str, Any]:
        return label_config(self.outputs(question)) | {"problem_type": self.problem_type}

    def outputs(self, question: Question) -> Sequence[str]:
        """What the model's outputs are called."""
        return question.values

    def encode(
        self, question: Question, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> list[Encoding]:
        """A row for each text that is not blank, cut at `max_length` tokens; comparisons have two sides."""
        places = [
            (index, side, text)
            for index, example in enumerate(examples)
            for side, text in enumerate(question.texts(example))
            if text.strip()
        ]
        if not places:
            return []
        rows = tokenizer([text for _, _, text in places], truncation=True, max_length=max_length, padding=False)
        return [
            Encoding(example=index, input_ids=ids, side=side)
            for (index, side, _), ids in zip(places, rows["input_ids"], strict=True)
        ]

    def targets(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        encodings: Sequence[Encoding],
        id2label: Mapping[int, str],
    ) -> list[np.ndarray]:
        outputs = Outputs.of(question, id2label)
        return [self.target(question, answers[row.example], outputs) for row in encodings]

    @abstractmethod
    def target(self, question: Question, answer: Answer, outputs: Outputs) -> np.ndarray:
        """What to train on for one text."""

    def decode(
        self,
        question: Question,
        examples: Sequence[Example],
        encodings: Sequence[Encoding],
        logits: Sequence[np.ndarray],
        id2label: Mapping[int, str],
        calibration: Mapping[str, float],
    ) -> list[Prediction]:
        outputs = Outputs.of(question, id2label)
        found = [Prediction()] * len(examples)
        for row, values in zip(encodings, logits, strict=True):
            found[row.example] = self.prediction(question, values, outputs, calibration)
        return found

    @abstractmethod
    def prediction(
        self, question: Question, logits: np.ndarray, outputs: Outputs, calibration: Mapping[str, float]
    ) -> Prediction:
        """The answer for one text, from its row of logits (labels,)."""

    def schedule(self, examples: int) -> Schedule:
        return Schedule(batch_size=8 if examples <= _FEW else 16)

    def calibrate(self, values: np.ndarray, targets: np.ndarray, scale: float) -> dict[str, float]:
        return {TEMPERATURE: scaling.temperature(self.objective(), values, targets)}

    def headline(self, scores: Sequence[Score]) -> float:
        """1 - the mean loss."""
        return float(np.mean([1.0 - score.loss for score in scores])) if scores else 0.0


def labels_in(config: Mapping[str, Any], problem_types: Sequence[str | None]) -> list[str] | None:
    """The labels of a plain transformers classifier of whole texts; None where the config is of something else."""
    [architecture] = config["architectures"]
    if not architecture.endswith("ForSequenceClassification") or config.get("problem_type") not in problem_types:
        return None
    return [config["id2label"][str(place)] for place in range(len(config["id2label"]))]


def options(labels: Sequence[str]) -> tuple[Option, ...]:
    """Labels as options."""
    return tuple(Option(value=label) for label in labels)


def softmax(logits: np.ndarray, known: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (labels,) in which labels that are not `known` have none."""
    scaled = np.where(known, logits.astype(np.float64) / temperature, -np.inf)
    found = np.exp(scaled - scaled.max())
    return found / found.sum()


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without an overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))

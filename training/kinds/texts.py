"""What the learners of whole texts share: one row per text, softmax and sigmoid, and the config of a classifier."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.kinds.base import Encoding, Learner, Score
from labelwheel.training.questions import Answer, Example, Question

TEMPERATURE = "temperature"

AUTO_CLASS = "AutoModelForSequenceClassification"


class TextLearner(Learner):
    """A kind of question that reads each text whole: one row of logits for a text, or for each side of a pair."""

    auto_class = AUTO_CLASS

    def encode(
        self, question: Question, examples: Sequence[Example], tokenizer: Any, max_length: int
    ) -> list[Encoding]:
        """A row for each text that is not blank, cut at `max_length` tokens; pairwise questions have two sides."""
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

    @abstractmethod
    def targets(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        encodings: Sequence[Encoding],
        id2label: Mapping[int, str],
    ) -> list[np.ndarray]:
        """What to train on, for each encoding."""

    def headline(self, scores: Sequence[Score]) -> float:
        """1 - the mean loss."""
        return float(np.mean([1.0 - score.loss for score in scores])) if scores else 0.0


def label_config(labels: Sequence[str], problem_type: str) -> dict[str, Any]:
    """The part of a transformers config that names the labels."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
        "problem_type": problem_type,
    }


def softmax(logits: np.ndarray, known: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (labels,) in which labels that are not `known` have none."""
    scaled = np.where(known, logits.astype(np.float64) / temperature, -np.inf)
    found = np.exp(scaled - scaled.max())
    return found / found.sum()


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without an overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64)))


def known_labels(question: Question, id2label: Mapping[int, str]) -> np.ndarray:
    """Which of a checkpoint's labels the question still has: (labels,) of bool."""
    return np.array([id2label[index] in question.values for index in range(len(id2label))], dtype=bool)


def label_index(id2label: Mapping[int, str]) -> dict[str, int]:
    """The other way round."""
    return {label: index for index, label in id2label.items()}

"""Choices and taxonomy: any number of the options, each decided by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.kinds import texts
from labelwheel.training.kinds.base import Encoding, Score
from labelwheel.training.questions import PATH_SEPARATOR, Answer, Example, Kind, Prediction, Question
from labelwheel.training.spec import Unit

THRESHOLD = "threshold"

LEAD = "lead"
"""By how many logits an option has to be ahead of the next one, where names alone answer: they say which option fits
best, hardly how well."""


class Multilabel(texts.TextLearner):
    """Sigmoid for each option; those at or above the threshold are answered, or with a lead those that stand out.

    The score of the whole answer is the probability that every single decision is right, were they independent.
    """

    metric = "micro_f1"

    def config(self, question: Question) -> dict[str, Any]:
        return texts.label_config(question.values, "multi_label_classification")

    def targets(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        encodings: Sequence[Encoding],
        id2label: Mapping[int, str],
    ) -> list[np.ndarray]:
        """What to train on: for each encoding (labels,) of 0 and 1."""
        place = texts.label_index(id2label)
        rows = np.zeros((len(encodings), len(id2label)), dtype=np.float32)
        for row, encoding in zip(rows, encodings, strict=True):
            for value in values(question, answers[encoding.example]):
                row[place[value]] = 1.0
        return list(rows)

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
        place = texts.label_index(id2label)
        order = [value for value in question.values if value in place]
        threshold = calibration.get(THRESHOLD, 0.5)
        found = [Prediction()] * len(examples)
        for row, raw in zip(encodings, logits, strict=True):
            if LEAD in calibration:
                found[row.example] = _outstanding(question, raw, id2label, known, calibration[LEAD])
                continue
            probabilities = texts.sigmoid(raw / calibration.get(texts.TEMPERATURE, 1.0))
            chosen = [value for value in order if probabilities[place[value]] >= threshold]
            right = np.where(probabilities >= threshold, probabilities, 1.0 - probabilities)[known]
            found[row.example] = Prediction(
                answer=_answer(question, chosen),
                score=float(np.prod(right)),
                item_scores=tuple(float(probabilities[place[value]]) for value in chosen),
            )
        return found

    def score(self, question: Question, example: Example, gold: Answer, prediction: Prediction) -> Score:
        """Loss is 1 - F1 of the two sets; 0 where both are empty."""
        wanted, given = set(values(question, gold)), set(values(question, prediction.answer or []))
        units = {
            value: Unit(
                true_positives=float(value in wanted and value in given),
                false_positives=float(value not in wanted),
                false_negatives=float(value not in given),
            )
            for value in sorted(wanted | given)
        }
        total = len(wanted) + len(given)
        return Score(loss=1.0 - 2.0 * len(wanted & given) / total if total else 0.0, units=units)

    def headline(self, scores: Sequence[Score]) -> float:
        """Micro F1 over all labels; 1 where there are none and none were answered."""
        units = [unit for score in scores for unit in score.units.values()]
        hits = sum(unit.true_positives for unit in units)
        total = sum(2 * unit.true_positives + unit.false_positives + unit.false_negatives for unit in units)
        return float(2 * hits / total) if total else 1.0


def values(question: Question, answer: Answer) -> list[str]:
    """An answer's options as the checkpoint names them."""
    return [PATH_SEPARATOR.join(item) if question.kind is Kind.TAXONOMY else str(item) for item in answer]


def _answer(question: Question, chosen: Sequence[str]) -> Answer:
    return [value.split(PATH_SEPARATOR) if question.kind is Kind.TAXONOMY else value for value in chosen]


def _outstanding(
    question: Question, raw: np.ndarray, id2label: Mapping[int, str], known: np.ndarray, lead: float
) -> Prediction:
    """The one option that is ahead of all others; of several that are close, those that are likelier than not.

    No suggestion where none stands out. The score of one is its share among all, as of a choice.
    """
    if not known.any():
        return Prediction()
    near = known & (raw >= raw[known].max() - lead)
    alone = bool(near.sum() == 1 and known.sum() > 1)
    chosen = near if alone else near & (raw >= 0)
    if not chosen.any():
        return Prediction()
    scores = texts.softmax(raw, known, 1.0) if alone else texts.sigmoid(raw)
    place = texts.label_index(id2label)
    answered = [value for value in question.values if value in place and chosen[place[value]]]
    items = tuple(float(scores[place[value]]) for value in answered)
    return Prediction(answer=_answer(question, answered), score=min(items), item_scores=items)

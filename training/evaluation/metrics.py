"""What a model gets right and wrong: one summary per kind of question, per class and per confusion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from labelwheel.training.evaluation.intervals import f1
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Score
from labelwheel.training.questions import Answer, Prediction, Question
from labelwheel.training.spec import Unit


def summary(question: Question, golds: Sequence[Answer], predictions: Sequence[Prediction]) -> dict[str, float]:
    """The usual metrics of the question's kind; `answered` is the share of examples with a prediction."""
    answers = [prediction.answer for prediction in predictions]
    if not golds:
        return {}
    found = kind_of(question).summary(question, golds, answers)
    return {**found, "answered": float(np.mean([answer is not None for answer in answers]))}


def totals(scores: Sequence[Score]) -> dict[str, Unit]:
    """Hits and misses by class over examples, in the order of the classes' names."""
    found: dict[str, list[float]] = {}
    for score in scores:
        for label, unit in score.units.items():
            counts = found.setdefault(label, [0.0, 0.0, 0.0])
            counts[0] += unit.true_positives
            counts[1] += unit.false_positives
            counts[2] += unit.false_negatives
    return {
        label: Unit(true_positives=hits, false_positives=extra, false_negatives=missed)
        for label, (hits, extra, missed) in sorted(found.items())
    }


def per_class(scores: Sequence[Score]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each class, the most frequent first."""
    table = []
    for label, unit in totals(scores).items():
        given, wanted = unit.true_positives + unit.false_positives, unit.true_positives + unit.false_negatives
        table.append(
            {
                "label": label,
                "precision": unit.true_positives / given if given else 0.0,
                "recall": unit.true_positives / wanted if wanted else 0.0,
                "f1": float(f1(*map(np.asarray, (unit.true_positives, unit.false_positives, unit.false_negatives)))),
                "support": wanted,
                "predicted": given,
            }
        )
    return sorted(table, key=lambda row: (-row["support"], row["label"]))


def confusions(
    question: Question, golds: Sequence[Answer], predictions: Sequence[Prediction], most: int = 400
) -> list[dict[str, Any]]:
    """What is taken for what, the most frequent first."""
    counted: Counter[tuple[str, str]] = Counter()
    for gold, prediction in zip(golds, predictions, strict=True):
        counted.update(kind_of(question).confused(question, gold, prediction.answer))
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [{"gold": gold, "predicted": given, "count": count} for (gold, given), count in ranked[:most]]

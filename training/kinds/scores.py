"""The measures that several kinds share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelwheel.training.kinds.base import Score
from labelwheel.training.questions import Answer

NOTHING = "(nothing)"


def micro_f1(scores: Sequence[Score]) -> float:
    """Micro F1 over all classes; 1 where there is nothing and nothing was answered."""
    units = [unit for score in scores for unit in score.units.values()]
    hits = sum(unit.true_positives for unit in units)
    total = sum(2 * unit.true_positives + unit.false_positives + unit.false_negatives for unit in units)
    return float(2 * hits / total) if total else 1.0


def accuracy(golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
    """Accuracy and macro F1 of single answers."""
    from sklearn import metrics as sk  # slow to load, and only reports need it

    wanted, given = [str(gold) for gold in golds], [NOTHING if a is None else str(a) for a in answers]
    seen = sorted(set(wanted))
    return {
        "accuracy": float(sk.accuracy_score(wanted, given)),
        "macro_f1": float(sk.f1_score(wanted, given, labels=seen, average="macro", zero_division=0.0)),
    }


def distance(golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
    """Errors and rank correlation of numbers, where any were answered."""
    from scipy import stats  # slow to load, and only reports need it
    from sklearn import metrics as sk

    both = [(float(gold), float(answer)) for gold, answer in zip(golds, answers, strict=True) if answer is not None]
    if not both:
        return {}
    wanted, given = np.array(both).T
    found = {
        "mean_absolute_error": float(sk.mean_absolute_error(wanted, given)),
        "median_absolute_error": float(sk.median_absolute_error(wanted, given)),
    }
    if len(both) > 2 and np.ptp(wanted) and np.ptp(given):
        found["spearman"] = float(stats.spearmanr(wanted, given).statistic)
    return found

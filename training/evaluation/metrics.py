"""What a model gets right and wrong: one summary per kind of question, per class, per confusion and per slice."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats
from sklearn import metrics as sk
from sklearn.preprocessing import MultiLabelBinarizer

from labelwheel.training.evaluation.intervals import f1
from labelwheel.training.kinds.base import Learner, Score
from labelwheel.training.questions import PATH_SEPARATOR, Answer, Kind, Prediction, Question
from labelwheel.training.spec import LabelledExample, Unit

NOTHING = "(nothing)"
_LENGTHS = ((40, "under 40 characters"), (160, "40 to 159"), (640, "160 to 639"))
_LONGEST = "640 and more"


def summary(question: Question, golds: Sequence[Answer], predictions: Sequence[Prediction]) -> dict[str, float]:
    """The usual metrics of the question's kind; `answered` is the share of examples with a prediction."""
    answers = [prediction.answer for prediction in predictions]
    if not golds:
        return {}
    found = _SUMMARIES[question.kind](question, golds, answers)
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
    question: Question, golds: Sequence[Answer], predictions: Sequence[Prediction], most: int = 15
) -> list[dict[str, Any]]:
    """What is taken for what, the most frequent first; a span counts where it overlaps the predicted one most."""
    counted: Counter[tuple[str, str]] = Counter()
    for gold, prediction in zip(golds, predictions, strict=True):
        counted.update(_confused(question, gold, prediction.answer))
    ranked = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [{"gold": gold, "predicted": given, "count": count} for (gold, given), count in ranked[:most]]


def by_slice(
    learner: Learner, question: Question, examples: Sequence[LabelledExample], scores: Sequence[Score]
) -> list[dict[str, Any]]:
    """The headline in each slice: the examples' own, the texts' length, and what characters they are written in."""
    members: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(examples):
        for key, value in {**features(question.text(row.example)), **row.slices}.items():
            members.setdefault((key, value), []).append(index)
    return [
        {
            "slice": key,
            "value": value,
            "examples": len(indices),
            "score": learner.headline([scores[index] for index in indices]),
        }
        for (key, value), indices in sorted(members.items())
    ]


def features(text: str) -> dict[str, str]:
    """The slices that every text has."""
    length = next((name for limit, name in _LENGTHS if len(text) < limit), _LONGEST)
    if any(unicodedata.category(character) == "So" for character in text):
        return {"length": length, "characters": "with emoji or symbols"}
    return {"length": length, "characters": "ASCII" if text.isascii() else "other scripts and accents"}


def _single(question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
    wanted, given = [str(gold) for gold in golds], [NOTHING if a is None else str(a) for a in answers]
    seen = sorted(set(wanted))
    found = {
        "accuracy": float(sk.accuracy_score(wanted, given)),
        "macro_f1": float(sk.f1_score(wanted, given, labels=seen, average="macro", zero_division=0.0)),
    }
    return found | (_distance(question, golds, answers) if question.kind is Kind.RATING else {})


def _several(question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
    values = MultiLabelBinarizer(classes=list(question.values))
    wanted, given = (values.fit_transform([_labels(one) for one in side]) for side in (golds, answers))
    both_empty = ~(wanted.any(1) | given.any(1))
    each = np.where(both_empty, 1.0, 2 * (wanted & given).sum(1) / np.maximum(wanted.sum(1) + given.sum(1), 1))
    return {
        "micro_f1": float(sk.f1_score(wanted, given, average="micro", zero_division=1.0)),
        "macro_f1": float(
            sk.f1_score(wanted, given, labels=np.flatnonzero(wanted.any(0)), average="macro", zero_division=0.0)
        ) if wanted.any() else 1.0,
        "example_f1": float(each.mean()),
        "all_right": float(sk.accuracy_score(wanted, given)),
    }  # fmt: skip


def _distance(question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
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


def _spans(question: Question, golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
    counts = {"strict": np.zeros(3), "overlap": np.zeros(4), "edges": np.zeros(3)}
    for gold, answer in zip(golds, answers, strict=True):
        wanted, given = gold or [], answer or []
        for name, key in (("strict", _whole), ("edges", _edge)):
            left, other = {key(span) for span in wanted}, {key(span) for span in given}
            counts[name] += len(left & other), len(other - left), len(left - other)
        counts["overlap"] += _met(given, wanted), len(given), _met(wanted, given), len(wanted)
    right, predicted, found, gold_count = counts["overlap"]
    precision, recall = right / max(predicted, 1), found / max(gold_count, 1)
    hits, extra, missed = counts["strict"]
    return {
        "span_f1": float(f1(*counts["strict"])),
        "precision": float(hits / max(hits + extra, 1)),
        "recall": float(hits / max(hits + missed, 1)),
        # the same label, and at least one character shared
        "overlap_f1": float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0,
        "edges_f1": float(f1(*counts["edges"])),  # right edges, whatever the label
    }


_SUMMARIES: Mapping[Kind, Callable[[Question, Sequence[Answer], Sequence[Answer]], dict[str, float]]] = {
    Kind.CHOICE: _single,
    Kind.PAIRWISE: _single,
    Kind.RATING: _single,
    Kind.CHOICES: _several,
    Kind.TAXONOMY: _several,
    Kind.NUMBER: _distance,
    Kind.SPANS: _spans,
}


def _labels(answer: Answer) -> list[str]:
    return [one if isinstance(one, str) else PATH_SEPARATOR.join(one) for one in answer or ()]


def _whole(span: Mapping[str, Any]) -> Hashable:
    return span["start"], span["end"], span["label"]


def _edge(span: Mapping[str, Any]) -> Hashable:
    return span["start"], span["end"]


def _shared(a: Mapping[str, Any], b: Mapping[str, Any]) -> int:
    return min(a["end"], b["end"]) - max(a["start"], b["start"])


def _met(spans: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> int:
    return sum(any(_near(span, other) for other in others) for span in spans)


def _near(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return a["label"] == b["label"] and _shared(a, b) > 0


def _confused(question: Question, gold: Answer, answer: Answer) -> list[tuple[str, str]]:
    if question.kind is Kind.NUMBER:
        return []
    if question.kind in (Kind.CHOICE, Kind.PAIRWISE, Kind.RATING):
        return [(str(gold), NOTHING if answer is None else str(answer))] if gold != answer else []
    if question.kind is not Kind.SPANS:
        wanted, given = set(_labels(gold)), set(_labels(answer))
        missed, extra = sorted(wanted - given), sorted(given - wanted)
        return [(a, b) for a in missed or [NOTHING] for b in extra or [NOTHING] if (a, b) != (NOTHING, NOTHING)]
    found = []
    for span in gold or []:
        nearest = max(answer or [], key=lambda other: _shared(span, other), default=None)
        if nearest is None or _shared(span, nearest) <= 0:
            found.append((span["label"], NOTHING))
            continue
        if nearest["label"] != span["label"]:
            found.append((span["label"], nearest["label"]))
        elif _whole(nearest) != _whole(span):
            found.append((span["label"], f"{span['label']} (other edges)"))
    alone = [span for span in answer or [] if not any(_shared(span, other) > 0 for other in gold or [])]
    return found + [(NOTHING, span["label"]) for span in alone]

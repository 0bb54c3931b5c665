"""How right spans are: strictly, by overlap and by edges alone; and what was taken for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from labelwheel.training.kinds.base import Score
from labelwheel.training.kinds.scores import NOTHING
from labelwheel.training.questions import Answer
from labelwheel.training.spec import Unit


def score(gold: Answer, answer: Answer) -> Score:
    """Start, end and label have to be the same. Loss is 1 - F1; 0 where nothing was to be found, or was."""
    wanted, given = keys(gold), keys(answer)
    hits = wanted & given
    counts = [Counter(label for _, _, label in each) for each in (hits, given - hits, wanted - hits)]
    units = {
        label: Unit(true_positives=counts[0][label], false_positives=counts[1][label], false_negatives=counts[2][label])
        for label in sorted({label for _, _, label in wanted | given})
    }
    total = len(wanted) + len(given)
    return Score(loss=1 - 2 * len(hits) / total if total else 0.0, units=units)


def summary(golds: Sequence[Answer], answers: Sequence[Answer]) -> dict[str, float]:
    """The usual metrics over all examples."""
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
        "span_f1": _f1(*counts["strict"]),
        "precision": float(hits / max(hits + extra, 1)),
        "recall": float(hits / max(hits + missed, 1)),
        # the same label, and at least one character shared
        "overlap_f1": float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0,
        "edges_f1": _f1(*counts["edges"]),  # right edges, whatever the label
    }


def confused(gold: Sequence[Mapping[str, Any]], answer: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What was taken for what; a span counts where it overlaps the predicted one most."""
    found = []
    for span in gold:
        nearest = max(answer, key=lambda other: _shared(span, other), default=None)
        if nearest is None or _shared(span, nearest) <= 0:
            found.append((span["label"], NOTHING))
            continue
        if nearest["label"] != span["label"]:
            found.append((span["label"], nearest["label"]))
        elif _whole(nearest) != _whole(span):
            found.append((span["label"], f"{span['label']} (other edges)"))
    alone = [span for span in answer if not any(_shared(span, other) > 0 for other in gold)]
    return found + [(NOTHING, span["label"]) for span in alone]


def likeness(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The share of the characters of two spans that both have (Jaccard); 0 where they have none in common."""
    shared = max(_shared(a, b), 0)
    return shared / max(a["end"] - a["start"] + b["end"] - b["start"] - shared, 1)


def keys(spans: Answer) -> set[tuple[int, int, str]]:
    """What makes a span the same as another."""
    return {(span["start"], span["end"], span["label"]) for span in spans or ()}


def _f1(hits: float, extra: float, missed: float) -> float:
    total = 2 * hits + extra + missed
    return float(2 * hits / total) if total else 1.0


def _whole(span: Mapping[str, Any]) -> Hashable:
    return span["start"], span["end"], span["label"]


def _edge(span: Mapping[str, Any]) -> Hashable:
    return span["start"], span["end"]


def _shared(a: Mapping[str, Any], b: Mapping[str, Any]) -> int:
    return int(min(a["end"], b["end"]) - max(a["start"], b["start"]))


def _met(spans: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> int:
    return sum(any(_near(span, other) for other in others) for span in spans)


def _near(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return a["label"] == b["label"] and _shared(a, b) > 0

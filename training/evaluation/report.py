"""The report of a checkpoint: as JSON for programs. `rendering` has it as Markdown for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from labelwheel.training.evaluation import calibration, curves, forgetting, intervals, leakage, metrics, slices
from labelwheel.training.evaluation.findings import CurveOf, Findings
from labelwheel.training.evaluation.rendering import render
from labelwheel.training.kinds import kind_of

__all__ = ["build", "render"]

ENOUGH_BLIND = 50
"""From so many independent blind labels on, the score is theirs alone."""

FEW = 30
"""With fewer independent examples than this the report says that its numbers are rough."""


def build(findings: Findings) -> dict[str, Any]:
    """The report as plain JSON data, every number finite; without measured examples the score is None."""
    spec, kind, measured = findings.spec, findings.kind, findings.measured
    question = spec.question
    golds = [question.comparable(row.answer, row.example) for row in measured]
    scores = list(findings.scores)
    groups = [row.group for row in measured]
    blind = _blind(findings)
    places = blind or range(len(measured))
    on = [groups[place] for place in places]
    headline = intervals.headline(kind, [scores[place] for place in places], on, seed=spec.seed) if scores else None
    leaks = leakage.check(question, findings.rows)
    report = {
        "version": spec.version,
        "question": question.name,
        "kind": question.kind,
        "parent": findings.parent,
        "base_model": findings.base_model,
        "started_from": findings.started_from,
        "metric": kind.metric,
        "headline": headline.model_dump() if headline else None,
        "scored_on": {
            "blind": bool(blind),
            "examples": len(on),
            "groups": len(set(on)),
            "blind_groups": len({row.group for row in measured if row.blind}),
            "enough": ENOUGH_BLIND,
        },
        "champion": forgetting.told(findings),
        "measured_on": "cross_validation" if findings.cross_validated else "held_out",
        "examples": len(measured),
        "groups": len(set(groups)),
        "metrics": metrics.summary(question, golds, list(findings.predictions)),
        "classes": _classes(findings),
        "confusions": metrics.confusions(question, golds, list(findings.predictions)),
        "slices": slices.by_slice(
            kind,
            question,
            measured,
            scores,
            seed=spec.seed,
            strata=[row.part.value for row in measured],
            asked=spec.slices,
        ),
        "named_slices": [each.model_dump() for each in spec.slices],
        "calibration": _calibration(findings),
        "hidden": _hidden(findings),
        "trials": [trial.model_dump() for trial in findings.trials],
        "chosen": findings.chosen,
        "reason": findings.reason,
        "training_curve": [point.model_dump() for point in findings.training_curve],
        "training_verdict": curves.training_verdict(findings.training_curve),
        "learning_curve": [point.model_dump() for point in findings.learning_curve],
        "learning_curve_of": findings.curve_of.value,
        "learning_outlook": curves.learning_outlook(
            findings.learning_curve, len(findings.rows) if findings.curve_of is CurveOf.HEADS else None
        ),
        "artefact": dict(findings.artefact),
        "leakage": leaks,
        "labels": _labels(findings),
        "label_set": findings.label_set,
        "settings": dict(findings.settings),
        "seed": spec.seed,
        "libraries": dict(findings.libraries),
        "seconds": findings.seconds,
        "peak_memory": findings.peak_memory,
        "notes": [*findings.notes, *_warnings(findings, bool(leaks["clean"]))],
    }
    return dict(plain(report))


def _blind(findings: Findings) -> list[int]:
    """The places of measured labels that were given without a suggestion in sight, where they are enough for a score.

    People who see a suggestion agree with it more often: what they say of it is too good (arXiv 2507.15821).
    """
    found = [place for place, row in enumerate(findings.measured) if row.blind]
    return found if len({findings.measured[place].group for place in found}) >= ENOUGH_BLIND else []


def plain(value: Any) -> Any:
    """JSON data of what may hold numpy's numbers and tuples; what is not finite becomes None, as JSON has no NaN."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _classes(findings: Findings) -> list[dict[str, Any]]:
    """Each class with its intervals, as far as there are any, and its training labels."""
    learnt = _counts(findings, "train")
    table = metrics.per_class(findings.scores)
    edges = intervals.by_class(findings.scores, [row.group for row in findings.measured], seed=findings.spec.seed)
    for row in table:
        for name, (low, high) in edges[row["label"]].items():
            row |= {f"{name}_low": low, f"{name}_high": high}
    measured = {row["label"] for row in table}
    table += [
        {"label": label, "precision": None, "recall": None, "f1": None, "support": 0, "predicted": 0}
        for label in findings.spec.question.values
        if label not in measured
    ]
    for row in table:
        row["train"] = learnt.get(row["label"], 0)
    return table


def _labels(findings: Findings) -> dict[str, Any]:
    return {
        "examples": dict(Counter(row.part.value for row in findings.rows)),
        "by_class": {part: _counts(findings, part) for part in sorted({row.part.value for row in findings.rows})},
        "fresh": sum(row.fresh for row in findings.rows),
    }


def _counts(findings: Findings, part: str) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for row in findings.rows:
        if row.part.value == part:
            counted.update(kind_of(findings.spec.question).labels(findings.spec.question, row.answer))
    return dict(sorted(counted.items()))


def _calibration(findings: Findings) -> dict[str, Any]:
    sure = [prediction.score for prediction in findings.predictions]
    right = [score.loss == 0 for score in findings.scores]
    return {
        "parameters": dict(findings.calibration),
        "expected_error": calibration.expected_calibration_error(sure, right),
        "reliability": calibration.reliability(sure, right),
    }


def _hidden(findings: Findings) -> dict[str, Any] | None:
    """How many suggestions were too unsure to be shown, of a list of spans each by itself; None if that is unknown."""
    if not findings.suggested:
        return None
    given, shown = (
        sum(len(one.answer) if findings.kind.hides else 1 for one in each if one.answer is not None)
        for each in (findings.suggested, findings.predictions)
    )
    return {"below": findings.spec.hide_below, "suggestions": given, "hidden": given - shown}


def _warnings(findings: Findings, clean: bool) -> list[str]:
    found = []
    groups = len({row.group for row in findings.measured})
    if findings.cross_validated:
        found.append("The held-out part is too small yet: these numbers come from cross-validation on training labels.")
    if 0 < groups < FEW:
        found.append(f"Only {groups} independent examples were measured: the numbers are rough.")
    if not clean:
        found.append("Some texts are in both parts of the split: the scores may be too good.")
    return found

"""A checkpoint with a report and an inspection of which every figure is known."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from labelwheel.backend.database.tables import CheckpointRow
from tests.backend import inspection_rows
from tests.backend.serving.fakes import question, write_checkpoint
from tests.backend.stage import Stage

MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'

# people said good 10 times, bad 10 times, so-so never; the model 8 + 3 times good, 7 + 2 bad
REPORT: dict[str, Any] = {
    "version": "v1", "question": "mood", "kind": "choice", "metric": "macro_f1", "measured_on": "held_out",
    "headline": {"value": 0.765, "low": 0.6, "high": 0.9, "level": 0.95, "groups": 20},
    "scored_on": {"blind": False, "examples": 20, "groups": 19, "blind_groups": 4, "enough": 50},
    "metrics": {"accuracy": 0.75, "macro_f1": 0.765},
    "champion": {
        "version": "v0", "score": 0.7, "challenger_score": 0.765, "examples": 18, "difference": 0.05, "low": -0.01,
        "high": 0.11, "level": 0.9, "beyond_chance": False, "classes": [], "slices": [], "lost": [], "won": ["good"],
    },
    "classes": [
        {"label": "good", "precision": 8 / 11, "recall": 0.8, "f1": 16 / 21, "support": 10.0, "predicted": 11.0,
         "train": 40, "f1_low": 0.55, "f1_high": 0.93},
        {"label": "bad", "precision": 7 / 9, "recall": 0.7, "f1": 14 / 19, "support": 10.0, "predicted": 9.0,
         "train": 38},
        {"label": "so-so", "precision": None, "recall": None, "f1": None, "support": 0, "predicted": 0, "train": 2},
    ],
    "confusions": [
        {"gold": "bad", "predicted": "good", "count": 3},
        {"gold": "good", "predicted": "bad", "count": 2},
    ],
    "slices": [
        {"slice": "annotator", "value": "ann", "examples": 9, "groups": 9, "score": 0.7, "low": 0.5, "high": 0.9,
         "p_value": 1.0, "worse": False},
        {"slice": "length", "value": "under 40 characters", "examples": 12, "groups": 12, "score": 0.6, "low": 0.4,
         "high": 0.8, "p_value": 0.01, "worse": True},
        {"slice": "source", "value": MARKUP, "examples": 8, "groups": 8, "score": 0.9, "low": 0.7, "high": 1.0,
         "p_value": 1.0, "worse": False},
    ],
    "calibration": {
        "parameters": {}, "expected_error": 0.04,
        "reliability": [
            {"confidence": 0.6, "accuracy": 0.5, "examples": 10}, {"confidence": 0.9, "accuracy": 1.0, "examples": 10},
        ],
    },
    "hidden": {"below": 0.3, "suggestions": 20, "hidden": 4},
    "leakage": {"clean": True, "groups_in_both": 0, "texts_in_both": 0, "near_texts_in_both": 0, "examples": []},
    "labels": {"examples": {"train": 80, "held_out": 20}, "by_class": {}, "fresh": 30},
    "notes": ["Only 19 independent examples were measured: the numbers are rough."],
    "seconds": 41.0, "peak_memory": 2**30, "chosen": "continued", "reason": "it was best",
}  # fmt: skip

CARD = """---
license: mit
base_model: none
---

# mood: v1

Nothing but a test.

## What it is for

It answers one question, `mood` (kind: choice).

Base model: `none`, licence: mit.

## Limits

- It reads 64 tokens of a text at once.
- Weakest: a\\|b &lt;c> (F1 0.10).

## Classes

none
"""

FOUND: dict[str, dict[str, Any]] = {
    "slices": {
        "metric": "macro_f1", "examples": 20, "by_cross_validation": 0, "candidates": 7,
        "weak": [
            {"slice": None, "value": "", "words": ["refund"], "examples": 9, "groups": 9, "score": 0.4, "low": 0.2,
             "high": 0.6, "rest": 0.8, "keys": ["e1"], "members": ["e1"]},
            {"slice": "annotator", "value": "ann", "words": ["late"], "examples": 9, "groups": 9, "score": 0.5,
             "low": 0.2, "high": 0.6, "rest": 0.8, "keys": ["e1"], "members": ["e1"]},
        ],
    },
    "baselines": {
        "metric": "macro_f1", "examples": 20, "score": 0.765, "missing": {"list": "nothing is marked"},
        "baselines": [
            {"name": "the same answer to all", "score": 0.333, "difference": 0.25, "low": 0.1, "high": 0.4},
        ],
    },
    "robustness": {
        "metric": "macro_f1", "examples": 20, "weak": ["typing errors"],
        "changes": [
            {"change": "typing errors", "examples": 20, "before": 0.765, "after": 0.5, "difference": -0.25,
             "low": -0.4, "high": -0.1, "p_value": 0.01, "flipped": 0.3, "beyond_chance": True,
             "worst": [{"key": "e1", "text": "a secret text"}]},
        ],
        "search": {"examples": 15, "flipped": 6, "share": 0.4, "low": 0.2, "high": 0.6, "queries": 99, "budget": 21,
                   "worst": []},
    },
    "fairness": {
        "gaps": ["annotator ann"], "untold": ["region"], "swaps": [],
        "columns": [
            {"column": "annotator", "gap": 0.2, "low": 0.1, "high": 0.3,
             "groups": [{"group": "ann", "examples": 10, "score": 0.6, "low": 0.4, "high": 0.8, "worse": True}]},
        ],
    },
    "sensitivity": {
        "metric": "macro_f1", "cut": [],
        "labels": [{"share": 0.5, "labels": 40, "refits": 8, "mean": 0.7, "low": 0.6, "high": 0.75,
                    "deviation": 0.05, "other_answers": 0.2}],
        "thresholds": [{"threshold": 0.5, "shown": 0.9, "score": 0.8}],
        "seed": {
            "strategy": "toy", "labels": 80, "examples": 20, "score": 0.765, "fixed": False, "problem": "",
            "minutes": None, "drawn": None,
            "seeds": {"refits": 5, "mean": 0.75, "deviation": 0.031, "low": 0.7, "high": 0.78, "other_answers": 0.06},
        },
        "lengths": [{"words": 8, "examples": 15, "difference": -0.1, "low": -0.2, "high": 0.0, "p_value": 0.2,
                     "beyond_chance": False}],
    },
    "leakage": {
        "leaks": ["texts on both sides of the split"], "named": {},
        "repeated": {"examples": 2, "same_text": 1, "same_label": 1, "keys": ["e1"], "score": 0.765,
                     "score_on_them": 1.0, "score_without": 0.74},
    },
    "voices": {"values": ["good"], "probabilities": {"e1": [1.0]}},
}  # fmt: skip


def promote(
    stage: Stage,
    name: str = "mood",
    report: dict[str, Any] | None = None,
    inspect: bool = True,
    found: dict[str, dict[str, Any]] = FOUND,
) -> None:
    """Version `v1` of a question, with this report, and what was found of it."""
    folder = stage.settings.checkpoints.folder
    assert folder is not None
    told = json.dumps(REPORT if report is None else report)
    settings = {"base_model": "/home/somebody/base"}
    write_checkpoint(folder / "v1", "v1", question(name), settings, report_json=told, README_md=CARD)
    stage.promote({name: "v1"})
    if inspect:
        with stage.database.transaction() as tx:
            row = tx.scalars(select(CheckpointRow).filter_by(version="v1")).one()
            inspection_rows.add(tx, row, found, label_count=100)

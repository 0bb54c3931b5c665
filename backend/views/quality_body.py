"""What `quality` gives, part by part; read where it is described or tested."""

from __future__ import annotations

from pydantic import Field

from labelwheel.backend.views.findings_body import (
    Baselines,
    Fairness,
    InspectionSeen,
    Leaks,
    Robustness,
    Sensitivity,
    Weak,
)
from labelwheel.backend.views.shares_body import Body, Hidden


class Headline(Body):
    """The score, with the interval that holds it at `level`."""

    value: float
    low: float | None
    high: float | None
    level: float | None


class ScoredOn(Body):
    """What the score is of: `blind` labels alone, where there are `enough` independent ones."""

    blind: bool | None
    examples: int | None
    groups: int | None
    blind_groups: int | None
    enough: int | None


class Metric(Body):
    """One of the usual metrics."""

    name: str
    value: float | None


class Before(Body):
    """Against the champion of that time, on what both were measured on; `difference` is that of the mean score."""

    version: str | None
    score: float | None
    challenger_score: float | None
    examples: int | None
    difference: float | None
    low: float | None
    high: float | None
    level: float | None
    beyond_chance: bool | None
    lost: list[str]
    won: list[str]


class ClassQuality(Body):
    """A class: of `support` labels of people, and as many times as it was `predicted`; `train` were learnt from."""

    label: str
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    f1: float | None
    f1_low: float | None
    f1_high: float | None
    support: float | None
    predicted: float | None
    train: int | None


class MatrixRow(Body):
    """What the model said, by column, where people said `label`."""

    label: str
    counts: list[int]


class Matrix(Body):
    """What is taken for what; `values` are those that examples can be looked for by."""

    columns: list[str]
    rows: list[MatrixRow]
    values: list[str]
    left_out: int = Field(description="classes that are mixed up less")


class Bin(Body):
    """Of so many examples: how sure the model was on average, and how often it was right."""

    confidence: float | None
    accuracy: float | None
    examples: int | None


class SliceRow(Body):
    """A part of the examples; `worse` than the rest beyond what looking at so many brings."""

    slice: str | None
    value: str | None
    examples: int | None
    score: float | None
    low: float | None
    high: float | None
    worse: bool | None


class Split(Body):
    """What is on both sides of the split."""

    clean: bool | None
    groups_in_both: int | None
    texts_in_both: int | None
    near_texts_in_both: int | None


class CheckpointQuality(Body):
    """How good a checkpoint is, and where it is not; `reason` says what is missing, and what to do."""

    question: str
    kind: str
    version: str | None
    champion: bool
    reason: str | None
    metric: str
    score: Headline | None
    measured_on: str | None
    scored_on: ScoredOn
    metrics: list[Metric]
    before: Before | None
    classes: list[ClassQuality]
    matrix: Matrix | None
    hidden: Hidden
    expected_error: float | None
    reliability: list[Bin]
    slices: list[SliceRow]
    split: Split | None
    notes: list[str]
    inspection: InspectionSeen | None
    weak: Weak | None
    baselines: Baselines | None
    robustness: Robustness | None
    fairness: Fairness | None
    sensitivity: Sensitivity | None
    leaks: Leaks | None

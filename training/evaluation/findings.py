"""What a training run found out: everything that its report is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from labelwheel.training.kinds.base import QuestionKind, Score
from labelwheel.training.questions import Frozen, Prediction
from labelwheel.training.spec import JobSpec, LabelledExample


class Trial(Frozen):
    """One strategy that was tried. `score` is its headline metric on validation folds; None where it failed."""

    name: str  # the strategy's, such as "fine-tuned from the base model"
    score: float | None
    seconds: float = 0.0
    detail: str = ""  # what it was in words, or why it failed


class Epoch(Frozen):
    """One point of the training curve; losses are means per example, `score` is the validation part's headline."""

    epoch: float
    train_loss: float | None = None
    validation_loss: float | None = None
    score: float | None = None


class CurveOf(StrEnum):
    """What a learning curve is of: heads that follow the labels (`training.heads.learning_curve`), or a regression on
    the frozen encoder that is measured on what is held out.
    """

    HEADS = "heads"
    REGRESSION = "regression"


class CurvePoint(Frozen):
    """One point of the learning curve: the headline after so many labels, with its interval of 95 %."""

    labels: int
    score: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Findings:
    """One training run, for `report.build`. `predictions` and `scores` belong to `measured`, in its order.

    `measured` are the examples that the challenger was measured on without having learnt from them (held out, or by
    cross-validation as `cross_validated` tells); `champion_scores` has None where the champion has learnt from one.
    """

    spec: JobSpec
    kind: QuestionKind
    rows: Sequence[LabelledExample]  # all of the data file: for the counts and the leakage check
    measured: Sequence[LabelledExample]
    predictions: Sequence[Prediction]
    scores: Sequence[Score]
    suggested: Sequence[Prediction] = ()  # the predictions before what is less sure is hidden; empty: not known
    champion_scores: Sequence[Score | None] | None = None
    cross_validated: bool = False
    parent: str | None = None  # the version of the champion that it was compared to
    started_from: str = "base"  # "base" or "champion"
    base_model: str = ""
    label_set: str = ""
    trials: Sequence[Trial] = ()
    chosen: str = ""  # the name of the trial that was proposed
    reason: str = ""  # one sentence: why that one
    training_curve: Sequence[Epoch] = ()
    learning_curve: Sequence[CurvePoint] = ()
    curve_of: CurveOf = CurveOf.REGRESSION
    calibration: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    peak_memory: int = 0  # bytes
    artefact: Mapping[str, Any] = field(
        default_factory=dict
    )  # an `onnx_export.equivalence.Agreement`; empty without one
    notes: Sequence[str] = ()  # such as "12 overlapping spans could not be learnt"

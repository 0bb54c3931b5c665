"""The sections of an inspection, in the order in which they are done and shown: what people need first comes first."""

from __future__ import annotations

from labelwheel.training.evaluation.baselines import BASELINES
from labelwheel.training.evaluation.fairness import FAIRNESS
from labelwheel.training.evaluation.faithfulness import EXPLANATIONS
from labelwheel.training.evaluation.label_errors import LABEL_ERRORS
from labelwheel.training.evaluation.label_leaks import LABEL_LEAKS
from labelwheel.training.evaluation.robustness import ROBUSTNESS
from labelwheel.training.evaluation.sensitivity import SENSITIVITY
from labelwheel.training.evaluation.voices import VOICES
from labelwheel.training.evaluation.weak_slices import WEAK_SLICES
from labelwheel.training.inspection.subject import Section

SECTIONS: tuple[Section, ...] = (
    LABEL_ERRORS,
    WEAK_SLICES,
    BASELINES,
    ROBUSTNESS,
    FAIRNESS,
    SENSITIVITY,
    LABEL_LEAKS,
    EXPLANATIONS,
    VOICES,
)

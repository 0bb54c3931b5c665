"""What an inspection is given."""

from __future__ import annotations

from labelwheel.training.foreign.model import ForeignModel
from labelwheel.training.questions import Frozen, Question
from labelwheel.training.spec import Tuned


class InspectionSpec(Frozen):
    """One inspection of a checkpoint. `checkpoint`, `data`, `unlabelled` and `output` are absolute paths.

    `data` and `unlabelled` are as a job has them. Each section leaves a file in `output`, and one that lies there
    already is not done again. `groups` are names of slices whose values should be answered equally well. `tuned` is how
    the checkpoint was learnt in place of the defaults.
    """

    version: str
    question: Question
    checkpoint: str
    data: str
    unlabelled: str | None = None
    output: str
    base_model: str | None = None
    seed: int = 13
    max_length: int = 256
    max_minutes: float = 30.0
    device: str = "cpu"  # a card is for what people wait for
    threads: int | None = None
    hide_below: float = 0.0
    groups: tuple[str, ...] = ()
    tuned: Tuned | None = None
    foreign: tuple[ForeignModel, ...] = ()

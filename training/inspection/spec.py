"""What an inspection is given, and what it leaves."""

from __future__ import annotations

from pydantic import Field

from labelwheel.training.questions import Frozen, Question

PARTS = "parts"
"""The folder, inside of the output, with a JSON file for each section that is done."""


class InspectionSpec(Frozen):
    """One inspection of a checkpoint. `checkpoint`, `data`, `unlabelled` and `output` are absolute paths.

    `data` and `unlabelled` are as a job has them. Each section leaves a file in `output`, and one that lies there
    already is not done again. `groups` are columns of metadata whose values name groups of people.
    """

    question: Question
    checkpoint: str
    data: str
    unlabelled: str | None = None
    output: str
    base_model: str | None = None
    seed: int = 13
    max_length: int = 256
    max_minutes: float = 30.0
    device: str | None = None
    threads: int | None = None
    hide_below: float = 0.0
    groups: tuple[str, ...] = Field(default=())

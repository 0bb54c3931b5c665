"""When a round starts, and what it takes to be promoted."""

from __future__ import annotations

from functools import cached_property

from pydantic import BaseModel, Field, field_validator

from labelwheel.training.evaluation import named_slices
from labelwheel.training.evaluation.looks import LEVEL
from labelwheel.training.spec import NamedSlice


class Rounds(BaseModel):
    """When a round starts, and what it takes to be promoted."""

    first_round: int = Field(16, ge=2, description="how many new labels start the first round of a question")
    growth: float = Field(0.25, gt=0, description="a later round starts when the labels have grown by this share")
    max_new: int = Field(200, ge=1, description="a round starts after this many new labels in any case")
    quiet_seconds: float = Field(3.0, ge=0, description="a round waits until no label came for so long, or twice that")
    poll_seconds: float = Field(
        5.0,
        gt=0,
        description="how often the labelling tool is asked what happened; a fourth as often while its webhooks name it",
    )
    sweep_minutes: float = Field(30.0, gt=0, description="how often a whole project is compared with the ledger")
    keep_checkpoints: int = Field(5, ge=2, description="how many checkpoints per question are kept to go back to")
    gate_floor: float = Field(0.10, ge=0, le=1, description="the F1 that no class may lose in a promotion")
    gate_level: float = Field(
        LEVEL, gt=0, le=1, description="how often chance may promote, in all rounds against one champion together"
    )
    gate_margin: float = Field(
        0.0, ge=0, le=1, description="what a challenger may be worse by, again and again; 0: it has to be better"
    )
    slices: str = Field(
        "",
        description="parts of the examples that no challenger may leave behind, with commas, such as "
        "`length=under 40 characters, origin=made, source=mobile, price=10 to under 20`: any slice that the report "
        "has, as it has it; none of them may lose more than `LABELWHEEL_GATE_FLOOR` of mean score in a promotion. "
        "Columns of the labelling tool that are named here or in `LABELWHEEL_GROUPS` are kept, and no others; reports "
        "and model cards tell their values",
    )

    @field_validator("slices")
    @classmethod
    def _slices(cls, value: str) -> str:
        named_slices.read(value)
        return value

    @cached_property
    def named_slices(self) -> tuple[NamedSlice, ...]:
        """What no challenger may leave behind."""
        return named_slices.read(self.slices)

"""What is found out about what is served."""

from __future__ import annotations

from pydantic import BaseModel, Field, field_validator

from labelwheel.training.evaluation import named_slices


class Reports(BaseModel):
    """What is found out about what is served."""

    inspect: bool = Field(
        True,
        description="whether what is served is inspected where no round runs, at the lowest priority: label errors, "
        "weak slices, robustness and more for its report",
    )
    inspect_minutes: float = Field(30.0, gt=0, description="how long one inspection may take, all in all")
    groups: str = Field(
        "",
        description="names of slices, with commas, such as `annotator, characters, source`, whose values should be "
        "answered equally well; inspections look for gaps between them. As in `LABELWHEEL_SLICES`, a name that is none "
        "of labelwheel's own is that of a column of the labelling tool",
    )
    target: float = Field(0.9, gt=0, le=1, description="the score for which `status` says how many labels it takes")

    @field_validator("groups")
    @classmethod
    def _groups(cls, value: str) -> str:
        named_slices.names(value)
        return value

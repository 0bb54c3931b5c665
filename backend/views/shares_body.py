"""What `status` says of shares that are compared: of an order's two halves, of labels with and without a suggestion.

Read where it is described or tested, as `status_body` is.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """A part of what `status` says: with these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Hidden(Body):
    """What is too unsure to be suggested; `suggestions` and `hidden` of them are those on the measured examples."""

    below: float = Field(description="nothing with a lower score is suggested, as it is set now")
    source: str = Field(description="`LABELWHEEL_SHOW`, `LABELWHEEL_COSTS`, or `default`: what clicks cost")
    one_by_one: bool = Field(description="whether each item of an answer, such as a span, is hidden by itself")
    measured_below: float | None = Field(description="what `below` was then; null where nothing was measured")
    suggestions: int | None
    hidden: int | None
    share: float | None


class Rate(Body):
    """Of so many suggestions, how many people answered as they were, with the 95 % interval."""

    answered: int
    accepted: int
    rate: float | None
    low: float
    high: float


class Difference(Body):
    """Of a hundred, how many more, with its 95 % interval."""

    more: float
    low: float
    high: float


class Order(Body):
    """What the order of examples has brought."""

    name: str
    by_lot: Rate = Field(description="drawn by lot: how often suggestions are right over all")
    sought: Rate = Field(description="sought out, for the model needs them")
    corrections: Difference | None = Field(description="how many more suggestions were corrected than by chance alone")
    reason: str | None = Field(description="why nothing can be said of corrections")


class Anchored(Body):
    """What seeing suggestions did to the labels of a question; `version` is None for all versions together."""

    question: str
    version: str | None
    shown: Rate = Field(description="suggestions that people saw")
    blind: Rate = Field(description="those that nobody saw: as often people answered the same")
    pull: Difference | None = Field(description="how many more answers are what people saw; None below thirty of each")


class Saved(Body):
    """Median seconds of an answer with and without a suggestion in sight, and the difference's 95 % interval."""

    shown: float
    blind: float
    saved: float
    low: float
    high: float


class Anchoring(Body):
    """What seeing suggestions does to labels and to the time that they take; nothing before it can be told."""

    questions: list[Anchored]
    seconds: Saved | None

"""What is said of rounds and of what was decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from labelwheel.backend.views.shares_body import Body


class Line(Body):
    """A line of the decision log."""

    id: int
    at: datetime
    question: str | None
    kind: str
    reason: str
    round: int | None
    version: str | None


class Log(Body):
    """A page of the decision log."""

    decisions: list[Line] = Field(description="the newest first")
    kinds: list[str] = Field(description="that the newest decisions are of")
    next: int | None = Field(description="`before` of the next page; null on the last")


class RoundTold(Body):
    """One attempt at a better checkpoint."""

    id: int
    question: str
    state: str
    trigger: str
    recipe: str
    version: str
    label_count: int
    look: int | None
    score: float | None
    low: float | None
    high: float | None
    progress: float
    seconds_left: float | None
    metrics: dict[str, Any]
    attempts: int
    reason: str | None
    run: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Kept(Body):
    """A checkpoint in the store."""

    place: str = Field(description="its folder or URL")
    manifest: str = Field(description="the SHA-256 of its manifest, which has that of each file")


class RoundDetails(Body):
    """What came of a round."""

    round: RoundTold
    gate: dict[str, Any] | None = Field(description="the comparison with the champion, as the decision log has it")
    report: dict[str, Any] | None = Field(description="what the checkpoint's report says, without keys and slices")
    checkpoint: Kept | None = Field(description="what was trained, once it is whole and as long as it is kept")
    problem: str | None = Field(description="why there is no report")
    decisions: list[Line] = Field(description="about the question while the round lasted, the newest first")

"""What is said of a project's examples, and of one of them, part by part."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from labelwheel.backend.views.shares_body import Body


class SaidBy(Body):
    """A current label."""

    annotator: str | None = Field(description="for the admin alone")
    label: str


class Suggested(Body):
    """What was suggested last, as far as that is known."""

    version: str | None
    says: str
    score: float | None = Field(
        description="in [0, 1], where it is shown now by a tool that does not remember its suggestions itself"
    )


class ExampleLine(Body):
    """One example."""

    key: str
    text: str | None = Field(description="its beginning, for the admin alone")
    side: str = Field(description="train, held_out, apart, or blind")
    labels: list[SaidBy]
    suggested: Suggested | None


class Examples(Body):
    """Examples that were sought, in the order in which they came."""

    question: str
    scanned: int = Field(description="so many were looked at")
    cut: bool = Field(description="there are more that were not looked at")
    next: int | None = Field(description="where the next ones begin: `after`; null: there are no more")
    examples: list[ExampleLine]


class LedgerLine(Body):
    """A label that was created, updated or deleted."""

    question: str
    action: str
    annotator: str | None
    label: str
    answer: Any
    origin: str | None = Field(description="accepted, changed or made")
    version: str | None
    suggested: str | None
    blind: bool
    made_at: datetime


class Showing(Body):
    """What one version suggested, by question, and since when; no version: nothing was shown."""

    version: str | None
    shown_at: datetime
    says: dict[str, str]


class ExampleHistory(Body):
    """One example, the newest of its history first."""

    key: str
    fields: dict[str, str] | None
    columns: dict[str, str]
    side: str
    gone: bool
    most: bool = Field(description="there are older lines than these")
    events: list[LedgerLine]
    suggestions: list[Showing]

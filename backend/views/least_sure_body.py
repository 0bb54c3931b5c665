"""What is said of the order in which examples are proposed, part by part."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from labelwheel.backend.views.shares_body import Body


class SuggestedThere(Body):
    """What is suggested to one question."""

    question: str
    says: str


class LeastSureLine(Body):
    """One example that is still to be labelled."""

    place: int = Field(description="1 is proposed first; places of examples that were labelled since are missing")
    key: str
    text: str | None = Field(description="its beginning, for the admin alone")
    score: float = Field(description="of the part that the model is least sure of; 0 where nothing is suggested")
    suggested: list[SuggestedThere] = Field(
        description="as far as it is one thing for a question, such as a class; for others than the admin no more than "
        "the values that a question offers"
    )


class LeastSure(Body):
    """Examples in the order in which they are proposed, 50 at a time; blind ones are not among them."""

    order: str | None = Field(description="its name, as `LABELWHEEL_ORDER` had it; null: nothing is ordered")
    made_at: datetime | None
    reason: str | None = Field(description="why there is nothing, and what to do")
    left: int = Field(description="so many of the order are still to be labelled")
    next: int | None = Field(description="where the next ones begin: `after`; null: there are no more")
    examples: list[LeastSureLine]

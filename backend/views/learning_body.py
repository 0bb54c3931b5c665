"""What is said of how a question is learnt; the parts that `status` has too are described there."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from labelwheel.backend.views.question_body import Accepted, Outlook, RoundScore
from labelwheel.backend.views.shares_body import Body, Saved


class ScoredRound(Body):
    """A challenger's score after so many labels, with its 95 % interval."""

    round: int | None = Field(description="null where the round is not known any more")
    version: str
    state: str = Field(description="promoted or rejected")
    recipe: str
    labels: int
    score: float
    low: float | None
    high: float | None
    at: datetime | None


class FittedScore(Body):
    """What the fitted curve says after so many labels, with its 80 % band."""

    labels: int
    score: float
    low: float
    high: float


class MixBin(Body):
    """Labels that were given one after the other; `counts` are those of the `values`, in their order."""

    labels: int
    until: int = Field(description="the place of the last of them, from 1")
    first: datetime
    last: datetime
    counts: list[int]
    others: int


class Mix(Body):
    """Current labels by value, in bins of `size` labels, in the order in which they were given."""

    size: int
    most: bool = Field(description="there may be older ones, which are not counted")
    values: list[str] = Field(description="the most frequent first")
    others: int = Field(description="so many more values")
    bins: list[MixBin]


class Learning(Body):
    """How a question is learnt."""

    question: str
    rounds: list[ScoredRound] = Field(description="the oldest first")
    outlook: Outlook
    curve: list[FittedScore] = Field(description="empty where nothing can be said")
    fewer_labels: list[RoundScore] = Field(
        description="by which the curve goes: what the newest round says of heads that know some of its labels, on all "
        "others; empty where it goes by the rounds' own scores"
    )
    acceptance: list[Accepted]
    seconds: Saved | None = Field(description="of all questions together; null below thirty of each")
    mix: Mix

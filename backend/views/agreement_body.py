"""What is said of how far people agree, part by part; of `status` and of a route.

Read where it is described or tested, as `status_body` is.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from labelwheel.backend.views.shares_body import Body


class Agreed(Body):
    """1 is all, 0 what chance brings; with its 95 % interval."""

    value: float
    low: float
    high: float


class BriefAgreement(Body):
    """How far people agree on a question, over examples that two or more of them answered."""

    annotators: int
    examples: int
    most: bool = Field(description="there are more such examples, and these are the newest")
    distance: str = Field(description="what counts as how far apart: nominal, masi, ordinal or interval")
    alpha: Agreed | None = Field(description="Krippendorff's; `reason` says why there is none")
    reason: str | None


class ClassAgreement(Agreed):
    """Of those who named a class: the share of the others who did, too; for spans the F1 of each two people."""

    label: str
    named: int
    overlapping: float | None = Field(description="the same for spans that share a character; null without places")
    instead: str | None = Field(description="what others most often said in its place")
    times: int = Field(description="so many pairs of people")


class Pair(Body):
    """Two people who answered the same examples."""

    one: str
    other: str
    examples: int
    same: float = Field(description="the share of answers that are the same")
    kappa: float | None = Field(description="Cohen's, weighted by the distance; null for few examples")
    f1: float | None = Field(description="of spans, exactly the same")
    overlapping: float | None = Field(description="of spans that share a character")


class AnnotatorQuality(Agreed):
    """How far one person's labels can be relied on, between 0 and 1."""

    annotator: str
    labels: int
    shared: int = Field(description="examples that somebody else answered, too")


class AnotherLook(Body):
    """An example that should be labelled, or labelled once more; the lower the score, the more it brings."""

    key: str
    action: str = Field(description="label or relabel")
    score: float
    labels: int
    answer: Any = Field(description="what people agree on, or they and the model together")


class Quality(Body):
    """With the model as one more voice (CROWDLAB), or people alone, where `reason` says why."""

    annotators: list[AnnotatorQuality] = Field(description="the least reliable first")
    another_look: list[AnotherLook]
    model_weight: float | None = Field(
        description="how much the model counts, where each annotator counts about 1; null: not"
    )
    reason: str | None


class Agreement(BriefAgreement):
    """The whole of it, for one question."""

    question: str
    kind: str
    classes: list[ClassAgreement] = Field(description="those first on which people agree least")
    pairs: list[Pair]
    quality: Quality

"""What `status` says of a question, part by part."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from labelwheel.backend.views.agreement_body import BriefAgreement
from labelwheel.backend.views.findings_body import Figures
from labelwheel.backend.views.shares_body import Body, Hidden
from labelwheel.backend.views.tuning_body import BriefTuning


class Accepted(Body):
    """What became of the suggestions of one generation; without a version: labels made without any."""

    version: str | None
    accepted: int
    changed: int
    made: int
    rate: float | None = Field(description="accepted / (accepted + changed)")
    edited: float | None = Field(description="of people's own words: the share of them that was changed")


class Sharer(Body):
    """A question of another project that has the same champion."""

    project: int
    tool: str
    title: str
    state: str
    question: str


class Champion(Body):
    """The checkpoint that answers."""

    version: str
    recipe: str
    metric: str
    score: float | None
    low: float | None
    high: float | None
    label_count: int
    broken: str | None
    manifest_digest: str | None
    created_at: datetime | None


class Labels(Body):
    """Labelled examples of this project; on `disagreement` of them people gave different answers."""

    total: int
    train: int
    held_out: int
    apart: int
    disagreement: int
    blind: int = Field(description="labelled without a suggestion in sight")
    unusable: int = Field(description="of these, without a text or with no answer that the question still knows")


class NextRound(Body):
    """When a round will start, or why none will."""

    labels_left: int | None
    reason: str


class ActiveRound(Body):
    """The round that is under way; `progress` is in [0, 1]."""

    id: int
    state: str
    trigger: str
    recipe: str
    version: str
    progress: float
    seconds_left: float | None
    metrics: dict[str, Any]
    started_at: datetime | None


class CurvePoint(Body):
    """A champion so far."""

    version: str
    labels: int
    metric: str
    score: float | None
    low: float | None
    high: float | None


class RoundScore(Body):
    """What was scored after so many labels, with its 95 % interval."""

    labels: int
    score: float
    low: float
    high: float


class Learnt(Body):
    """Scores by which the next labels are foretold: where the newest round has drawn a curve, of heads that know some
    of its labels, on all others; else of the rounds, one after the other.
    """

    scores: list[RoundScore] = Field(description="the fewest labels first")
    labels: int | None = Field(description="of that round; null where the scores are those of rounds")


class LabelsNeeded(Body):
    """Labels in all, with their 80 % interval; null is more than anybody gives."""

    median: int | None
    low: int | None
    high: int | None


class Outlook(Body):
    """How many labels the `target` takes in all, and what the next `more` bring, with an interval of 80 %."""

    target: float
    labels: int
    needed: LabelsNeeded | None = Field(description="null where nothing can be said yet; `reason` says why")
    reached: bool
    more: int
    gain: tuple[float, float, float] | None = Field(description="the median, and the ends of its interval")
    reason: str


class Inspection(Body):
    """How the inspection of the champion stands: which of its sections are done, and why others found nothing."""

    version: str
    state: str
    problem: str | None
    label_count: int
    done: list[str]
    problems: dict[str, str]
    figures: Figures


class NewerHead(Body):
    """What answers in the champion's place, since labels that are newer; `gain` is how much less is lost a label.

    The `gain` and its standard `error` are of so many `examples` that the head has not learnt from.
    """

    version: str
    labels: int
    gain: float
    error: float
    examples: int
    created_at: datetime


class QuestionStatus(Body):
    """One question. `labels` are the project's own; champion, round and curve those of all that share it."""

    id: int
    name: str
    kind: str
    active: bool
    pinned: bool
    shared_with: list[Sharer]
    champion: Champion | None
    head: NewerHead | None = Field(description="null where the champion answers by itself")
    labels: Labels
    next_round: NextRound
    round: ActiveRound | None
    curve: list[CurvePoint] = Field(description="the oldest first")
    scores: list[RoundScore] = Field(description="of each round's challenger, promoted or not")
    learnt: Learnt
    outlook: Outlook
    inspection: Inspection | None
    hidden: Hidden
    acceptance: list[Accepted]
    tuning: BriefTuning
    agreement: BriefAgreement | None = Field(description="null where no two people answered the same examples")

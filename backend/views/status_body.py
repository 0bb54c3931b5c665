"""What `status` says, part by part. Times are ISO 8601 in UTC.

Read where it is described or tested, not at the start of a process: to build it takes longer than to compute it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from labelwheel.backend.views.agreement_body import BriefAgreement
from labelwheel.backend.views.findings_body import Figures
from labelwheel.backend.views.shares_body import Anchoring, Body, Hidden, Order
from labelwheel.backend.views.tuning_body import BriefTuning


class Worker(Body):
    """The process that takes in labels and starts rounds; `problem` says why it gives no sign of life."""

    alive: bool
    owner: str | None
    seen_until: datetime | None
    problem: str | None


class WebProcess(Body):
    """A process that answers the labelling tools."""

    name: str
    alive: bool
    seen_at: datetime | None
    memory_mb: float | None
    serving: dict[str, str] = Field(description="generations, by the project's id")
    problems: dict[str, Any] = Field(description="what cannot be loaded, by the project's id")
    models: dict[str, Any] = Field(description="`mb`, `budget_mb`, the ids of `unloaded` projects, `engines`")


class VersionsShown(Body):
    """Generations: the one that should be served, those that are, and the one that the labelling tool was told."""

    current: str | None
    served: list[str]
    announced: str | None
    revision: str | None


class Poll(Body):
    """When the labelling tool was looked at last."""

    at: datetime | None
    lag_seconds: float | None
    hinted_at: datetime | None


class Sweep(Body):
    """When the whole project was read last."""

    at: datetime | None
    running: bool


class Examples(Body):
    """How many examples there are, by their side of the split; `gone` are those that the tool has no more."""

    total: int
    gone: int
    labelled: int
    train: int
    held_out: int
    apart: int
    blind: int = Field(description="held-out ones for which nobody is shown a suggestion")


class WorkDone(Body):
    """What people submitted; `reasons` says of some why parts of it were `rejected`."""

    total: int
    skipped: int
    rejected: int
    reasons: list[str]


class SetAside(Body):
    """An example over which the labelling tool itself fails."""

    key: str
    reason: str


class BackfillState(Body):
    """Fresh suggestions on their way into the labelling tool."""

    version: str
    state: str
    done: int
    total: int
    started_at: datetime | None


class Accepted(Body):
    """What became of the suggestions of one generation; without a version: labels made without any."""

    version: str | None
    accepted: int
    changed: int
    made: int
    rate: float | None = Field(description="accepted / (accepted + changed)")
    edited: float | None = Field(description="of people's own words: the share of them that was changed")


class NotLearnt(Body):
    """A question that is asked and not learnt."""

    name: str
    reason: str


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
    """What a round's challenger scored after so many labels, promoted or not, with its 95 % interval."""

    labels: int
    score: float
    low: float
    high: float


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


class QuestionStatus(Body):
    """One question. `labels` are the project's own; champion, round and curve those of all that share it."""

    id: int
    name: str
    kind: str
    active: bool
    pinned: bool
    shared_with: list[Sharer]
    champion: Champion | None
    labels: Labels
    next_round: NextRound
    round: ActiveRound | None
    curve: list[CurvePoint] = Field(description="the oldest first")
    scores: list[RoundScore] = Field(description="the fewest labels first")
    outlook: Outlook
    inspection: Inspection | None
    hidden: Hidden
    acceptance: list[Accepted]
    tuning: BriefTuning
    agreement: BriefAgreement | None = Field(description="null where no two people answered the same examples")


class DecisionMade(Body):
    """A line of the decision log."""

    at: datetime | None
    question: str | None
    kind: str
    reason: str
    details: dict[str, Any]


class ProjectStatus(Body):
    """One project that is connected, or about to be."""

    id: int
    tool: str
    url: str
    external_id: str
    title: str
    state: str
    step: str
    problem: str | None
    health: str = Field(description="the state, or `stalled` where it is connected and no label can be taken in")
    stalled_at: datetime | None
    version: VersionsShown
    poll: Poll
    sweep: Sweep
    examples: Examples
    work: WorkDone
    absent_columns: list[str] = Field(description="named in `LABELWHEEL_SLICES` or `_GROUPS`, and in no new example")
    aside: list[SetAside]
    backfill: BackfillState | None
    acceptance: list[Accepted]
    blind: float = Field(description="the share of all examples for which nobody is shown a suggestion")
    anchoring: Anchoring
    order: Order
    unlearnt: list[NotLearnt]
    questions: list[QuestionStatus]
    decisions: list[DecisionMade] = Field(description="the newest first")


class Status(Body):
    """The state of everything."""

    store: str = Field(description="the folder of the checkpoints, or the URL")
    language_model: dict[str, Any] | None = Field(description="where texts go, and what was spent; null: nowhere")
    worker: Worker
    servers: list[WebProcess]
    projects: list[ProjectStatus]

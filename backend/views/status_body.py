"""What `status` says, part by part. Times are ISO 8601 in UTC.

Read where it is described or tested, not at the start of a process: to build it takes longer than to compute it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from labelwheel.backend.views.question_body import Accepted, QuestionStatus
from labelwheel.backend.views.shares_body import Anchoring, Body, Order


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


class Unsuggested(Body):
    """Examples of one sort that get no suggestion; `keys` are the first of them."""

    count: int
    keys: list[str]


class NothingToRead(Body):
    """What nobody has labelled and no model reads; `most` is LABELWHEEL_MAX_CHARACTERS."""

    most: int
    too_long: Unsuggested
    without_text: Unsuggested


class BackfillState(Body):
    """Fresh suggestions on their way into the labelling tool."""

    version: str
    state: str
    done: int
    total: int
    started_at: datetime | None


class NotLearnt(Body):
    """A question that is asked and not learnt."""

    name: str
    reason: str


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
    unsuggested: NothingToRead = Field(description="as of the last half minute")
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

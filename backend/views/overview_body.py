"""What the overview says, part by part; the parts that `status` has too are described there."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from labelwheel.backend.views.question_body import ActiveRound, Champion, Labels, NewerHead, NextRound
from labelwheel.backend.views.shares_body import Body
from labelwheel.backend.views.status_body import BackfillState, Examples, VersionsShown


class Accepted(Body):
    """Of the newest answers that began as a suggestion, how many left it as it was."""

    accepted: int
    answered: int
    rate: float | None = Field(description="accepted / answered")


class QuestionCard(Body):
    """A question that is learnt."""

    name: str
    kind: str
    champion: Champion | None
    head: NewerHead | None
    labels: Labels
    next_round: NextRound
    round: ActiveRound | None
    accepted: Accepted


class ProjectCard(Body):
    """A project that is connected, or about to be; `problems` say what to do, `notes` what is so and harms nothing."""

    id: int
    tool: str
    url: str
    title: str
    external_id: str
    state: str
    health: str
    step: str
    version: VersionsShown
    examples: Examples
    backfill: BackfillState | None
    labels_at: datetime | None = Field(description="when labels were looked for")
    problems: list[str]
    notes: list[str]
    questions: list[QuestionCard]


class Overview(Body):
    """Each project at a glance."""

    problems: list[str]
    memory_mb: float
    projects: list[ProjectCard]

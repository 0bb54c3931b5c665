"""What `model` gives, part by part; read where it is described or tested."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from labelwheel.backend.views.shares_body import Body


class Input(Body):
    """A field that the question reads, and what people see above it."""

    name: str
    title: str


class CardScore(Body):
    """The score of the report, with its interval; null where nothing was measured."""

    metric: str | None
    score: float | None
    low: float | None
    high: float | None


class ModelCard(Body):
    """What a checkpoint is, and where it comes from."""

    created_at: datetime
    recipe: str
    base_model: str
    licence: str = Field(description="of the base model, as its own card has it")
    parent: str | None
    seed: int
    max_length: int = Field(description="tokens of a text that it reads at once")
    label_count: int
    label_set: str | None = Field(description="names the labels that it learnt from; null for whoever may not see it")
    parts: dict[str, int] = Field(description="labelled examples by side of the split")
    fresh: int | None = Field(description="labels that are newer than its champion of then")
    code: str | None = Field(description="the release of labelwheel that trained it")
    libraries: dict[str, str]
    settings: dict[str, str] = Field(description="empty for whoever may not see them")
    precision: str | None = Field(description="of the graph that a CPU serves; null: the weights themselves")
    bytes: int
    seconds: float | None
    peak_memory: float | None = Field(description="bytes, in training")
    chosen: str | None = Field(description="the candidate that was proposed")
    chosen_for: str | None
    score: CardScore
    use: list[str]
    limits: list[str]


class LineageNode(Body):
    """A checkpoint; `place` and `lane` are where it stands in a drawing."""

    version: str
    parent: str | None
    parent_place: int | None
    parent_lane: int | None
    place: int
    lane: int
    recipe: str
    labels: int
    metric: str
    score: float | None
    low: float | None
    high: float | None
    state: str = Field(description="champion, served (once), kept, broken or removed")
    created_at: datetime


class Lineage(Body):
    """The newest checkpoints, the oldest of them first."""

    left_out: int
    nodes: list[LineageNode]


class ServedModel(Body):
    """What is served for a question; `reason` says what is missing, and what to do."""

    question: str
    kind: str
    inputs: list[Input]
    values: int = Field(description="labels that it tells apart")
    version: str | None
    champion: bool
    reason: str | None
    card: ModelCard | None
    lineage: Lineage

"""Every table, SQLite and PostgreSQL alike. Times are UTC; JSON columns hold plain values."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Moment(TypeDecorator[datetime]):
    """A time in UTC that comes back aware, also from SQLite, which knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, list[Any]: JSON, str: String(255)}  # noqa: RUF012


class ProjectState(StrEnum):
    CONNECTING = "connecting"  # the worker reads the configuration, prepares the first generation and wires the tool
    CONNECTED = "connected"
    FAILED = "failed"  # connecting failed and was undone; `problem` says why
    DISCONNECTING = "disconnecting"
    DISCONNECTED = "disconnected"  # the tool was told; the ledger and the checkpoints stay for a later connect


class Project(Base):
    """One connected project of one labelling tool. `api_key` is a secret: never logged, never answered."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    tool: Mapped[str]
    url: Mapped[str] = mapped_column(Text)
    external_id: Mapped[str]
    api_key: Mapped[str] = mapped_column(Text)
    service_url: Mapped[str] = mapped_column(Text)
    reference: Mapped[str | None]
    title: Mapped[str] = mapped_column(Text, default="")
    source: Mapped[str] = mapped_column(Text, default="")
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    unlearnt: Mapped[list[Any]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(default=ProjectState.CONNECTING)
    step: Mapped[str] = mapped_column(Text, default="")
    problem: Mapped[str | None] = mapped_column(Text)
    generation_id: Mapped[int | None]
    announced: Mapped[str | None]
    poll_cursor: Mapped[str | None] = mapped_column(Text)
    polled_at: Mapped[datetime | None]
    sweep_cursor: Mapped[str | None] = mapped_column(Text)
    sweep_number: Mapped[int] = mapped_column(default=0)
    sweep_started_at: Mapped[datetime | None]  # set while a sweep is under way
    swept_at: Mapped[datetime | None]
    hinted_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        UniqueConstraint("tool", "url", "external_id", name="one_project_per_place"),
        Index("projects_by_reference", "tool", "reference"),
    )


class QuestionRow(Base):
    """One question of a project; `spec` is a training.questions.Question. Removed questions stay, for the ledger."""

    __tablename__ = "questions"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str]
    spec: Mapped[dict[str, Any]]
    active: Mapped[bool] = mapped_column(default=True)
    champion_id: Mapped[int | None]
    pinned: Mapped[bool] = mapped_column(default=False)
    counted_from: Mapped[int] = mapped_column(default=0)  # older events do not count as new labels: set by a rollback
    __table_args__ = (UniqueConstraint("project_id", "name", name="one_question_per_name"),)


class ExampleRow(Base):
    """One example, with its near-duplicate group and its side of the split.

    The side changes in one case only: a text that was edited into a near-duplicate of the other side is set apart.
    """

    __tablename__ = "examples"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    key: Mapped[str]
    fields: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))  # of the fields, to see at once that nothing changed
    group: Mapped[str] = mapped_column("group_key", String(64))
    part: Mapped[str] = mapped_column(String(16))
    gone: Mapped[bool] = mapped_column(default=False)
    sweep_number: Mapped[int] = mapped_column(default=0)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    added_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        UniqueConstraint("project_id", "key", name="one_example_per_key"),
        Index("examples_by_arrival", "project_id", "added_at"),
    )


class Placed(Base):
    """One distinct text that was ever seen, normalised, with its group and side: kept even when the text is gone.

    So a champion that learnt from a text is never measured on a copy of it that arrives later.
    """

    __tablename__ = "placed"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(32))
    group: Mapped[str] = mapped_column("group_key", String(64))
    part: Mapped[str] = mapped_column(String(16))
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (UniqueConstraint("project_id", "key", name="one_place_per_text"),)


class Band(Base):
    """One band of a text's MinHash: equal bands are candidates for near-duplicates."""

    __tablename__ = "bands"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    placed_id: Mapped[int] = mapped_column(ForeignKey("placed.id", ondelete="CASCADE"))
    value: Mapped[str] = mapped_column(String(32))
    __table_args__ = (Index("bands_by_value", "project_id", "value"),)


class WorkRow(Base):
    """What the ledger knows of one person's work on one example: how new it is, skipped, deleted, what was rejected.

    A page that is older than `updated_at` changes nothing, unless it was read as the whole truth about the example.
    """

    __tablename__ = "works"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    key: Mapped[str]
    example_key: Mapped[str]
    annotator: Mapped[str]
    updated_at: Mapped[datetime]
    skipped: Mapped[bool] = mapped_column(default=False)
    gone: Mapped[bool] = mapped_column(default=False)
    rejected: Mapped[list[Any]] = mapped_column(default=list)
    __table_args__ = (
        UniqueConstraint("project_id", "key", name="one_work_per_key"),
        Index("works_by_example", "project_id", "example_key"),
    )


class Event(Base):
    """The ledger: one line per label that was created, updated or deleted. Only ever appended to.

    `made_at` is when the tool says that the answer was given (a deletion has that of the answer it takes away),
    `recorded_at` when the ledger learnt of it.
    """

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    question: Mapped[str]
    example_key: Mapped[str]
    work_key: Mapped[str]
    annotator: Mapped[str]
    action: Mapped[str] = mapped_column(String(16))  # created, updated, deleted
    answer: Mapped[Any] = mapped_column(JSON)
    origin: Mapped[str | None] = mapped_column(String(16))  # accepted, changed, made
    version: Mapped[str | None]
    lead_time: Mapped[float | None]
    made_at: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (
        Index("events_by_project", "project_id", "question", "id"),
        Index("events_by_example", "project_id", "question", "example_key", "id"),
    )


class Label(Base):
    """The current labels, derived from the events in the same transaction; `backend.ledger` can rebuild it."""

    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    question: Mapped[str]
    example_key: Mapped[str]
    work_key: Mapped[str]
    annotator: Mapped[str]
    answer: Mapped[Any] = mapped_column(JSON)
    origin: Mapped[str | None] = mapped_column(String(16))
    version: Mapped[str | None]
    lead_time: Mapped[float | None]
    made_at: Mapped[datetime]
    event_id: Mapped[int]
    __table_args__ = (
        UniqueConstraint("project_id", "work_key", "question", name="one_label_per_work_and_question"),
        Index("labels_by_example", "project_id", "example_key"),
        Index("labels_by_event", "project_id", "question", "event_id"),
    )


class CheckpointRow(Base):
    """One checkpoint of one question, immutable; `folder` is relative to the store.

    `kind` and `digest` are those of the question that it answers; `removed` tells that its files were cleared away.
    """

    __tablename__ = "checkpoints"
    id: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"))
    version: Mapped[str] = mapped_column(unique=True)
    folder: Mapped[str] = mapped_column(Text)
    parent_id: Mapped[int | None]
    recipe: Mapped[str]
    label_count: Mapped[int] = mapped_column(default=0)
    last_event_id: Mapped[int] = mapped_column(default=0)
    metric: Mapped[str] = mapped_column(default="")
    score: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    kind: Mapped[str] = mapped_column(String(16), default="")
    digest: Mapped[str] = mapped_column(String(16), default="")
    broken: Mapped[str | None] = mapped_column(Text)
    removed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class RoundState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"  # its job is under way
    GATING = "gating"  # the job has ended, the decision is due
    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (RoundState.QUEUED, RoundState.RUNNING, RoundState.GATING)
_ACTIVE_SQL = text("state IN ('queued', 'running', 'gating')")


class Round(Base):
    """One attempt at a better checkpoint. At most one is active per question.

    `owner` and `fence` are those of the worker's lease when it claimed the round. A round that has ended and still has
    a `handle` has a job that is to be stopped.
    """

    __tablename__ = "rounds"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"))
    trigger: Mapped[str]
    recipe: Mapped[str]
    state: Mapped[str] = mapped_column(default=RoundState.QUEUED)
    version: Mapped[str] = mapped_column(unique=True)
    champion_id: Mapped[int | None]
    last_event_id: Mapped[int] = mapped_column(default=0)
    label_count: Mapped[int] = mapped_column(default=0)
    launcher: Mapped[str] = mapped_column(default="local")
    handle: Mapped[str | None] = mapped_column(Text)
    progress_token: Mapped[str | None]
    progress: Mapped[float] = mapped_column(default=0.0)
    seconds_left: Mapped[float | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    digest: Mapped[str] = mapped_column(String(16), default="")  # of the question when the job was written
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None]
    fence: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "one_active_round_per_question",
            "question_id",
            unique=True,
            sqlite_where=_ACTIVE_SQL,
            postgresql_where=_ACTIVE_SQL,
        ),
        Index("rounds_by_question", "question_id", "id"),
    )


class Decision(Base):
    """The log that people read: trained, skipped, promoted, rejected, rolled back, and why."""

    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    question: Mapped[str | None]
    kind: Mapped[str]
    reason: Mapped[str] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    made_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (Index("decisions_by_project", "project_id", "id"),)


class Generation(Base):
    """The champions that serve a project's questions at one moment; `name` is the version that the tool sees.

    `members` maps a question's name to the id of its checkpoint; a question without one is suggested nothing.
    """

    __tablename__ = "generations"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(unique=True)
    members: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text, default="")
    retired: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (Index("generations_by_project", "project_id", "id"),)


class Backfill(Base):
    """Fresh suggestions of one generation on their way into the tool; dropped when a newer one arrives."""

    __tablename__ = "backfills"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    generation: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(String(16), default="running")  # running, done, dropped
    cursor: Mapped[str | None] = mapped_column(Text)
    done: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]


class Server(Base):
    """What each web process serves, reported by itself: name, heartbeat, and generation by project id."""

    __tablename__ = "servers"
    name: Mapped[str] = mapped_column(primary_key=True)
    serving: Mapped[dict[str, Any]]
    problems: Mapped[dict[str, Any]] = mapped_column(default=dict)
    memory_mb: Mapped[float | None]
    seen_at: Mapped[datetime] = mapped_column(default=now)


class Lease(Base):
    """A role that only one process may hold, such as the worker; the fence grows with each holder."""

    __tablename__ = "leases"
    role: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    fence: Mapped[int] = mapped_column(default=1)
    until: Mapped[datetime]

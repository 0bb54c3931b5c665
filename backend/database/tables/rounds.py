"""Checkpoints, the rounds that make them, and the decision log."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from labelwheel.backend.database.tables.base import Base, Ordered, now


class CheckpointRow(Base):
    """One checkpoint of one question, immutable; `folder` is relative to the store.

    `kind` and `digest` are those of the question that it answers; `removed` tells that its files were cleared away.
    `manifest_digest` is the hash of its manifest; None until the worker has seen it, for those of earlier versions.
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
    manifest_digest: Mapped[str | None] = mapped_column(String(64))
    broken: Mapped[str | None] = mapped_column(Text)
    removed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class RoundState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"  # its job is under way
    GATING = "gating"  # the job has ended, the decision is due
    HELD = "held"  # the gate lets it pass, and somebody has to promote it
    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"


WORKED_ON = (RoundState.QUEUED, RoundState.RUNNING, RoundState.GATING)
ACTIVE = (*WORKED_ON, RoundState.HELD)
_ACTIVE_SQL = text("state IN ('queued', 'running', 'gating', 'held')")


class Round(Ordered, Base):
    """One attempt at a better checkpoint. At most one is active per question.

    `owner` is that of the worker's lease when it claimed the round. `look` numbers the challengers of a champion that
    share the gate's level; 0 is an early one, None one that was not compared. `score` with its interval is the
    challenger's, promoted or not. `learning_curve` has scores after fewer labels, where heads that follow the labels
    stand on what is served when it ends. `held_until` is when the seconds of `hold` are over.
    """

    __tablename__ = "rounds"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"))
    trigger: Mapped[str]
    recipe: Mapped[str]
    state: Mapped[str] = mapped_column(default=RoundState.QUEUED)
    version: Mapped[str] = mapped_column(unique=True)
    tuned: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # a training.spec.Tuned
    champion_id: Mapped[int | None]
    look: Mapped[int | None]
    score: Mapped[float | None]
    low: Mapped[float | None]
    high: Mapped[float | None]
    learning_curve: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    progress_token: Mapped[str | None]  # its hash
    progress: Mapped[float] = mapped_column(default=0.0)
    seconds_left: Mapped[float | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    attempts: Mapped[int] = mapped_column(default=0)
    held_until: Mapped[datetime | None]
    owner: Mapped[str | None]
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

"""Searches for better settings, and their trials."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from labelwheel.backend.database.tables.base import Base, Ordered


class TuningState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"  # also while it waits for a round to end
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


SEARCHING = (TuningState.QUEUED, TuningState.RUNNING)
_SEARCHING_SQL = text("state IN ('queued', 'running')")


class TuningRow(Ordered, Base):
    """One search for better settings of a question's rounds, which is the home of those that share. At most one is
    active per question.

    `budget` and `spent` are seconds of jobs. `space` is what is searched over; `verdict` and `importances` are what
    came of it, `tuned` the settings that were found, and `round_id` the round that was ordered with them, for the same
    `run` and to be held as long.
    """

    __tablename__ = "tunings"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(16), default=TuningState.QUEUED)
    budget: Mapped[float]
    spent: Mapped[float] = mapped_column(default=0.0)
    most_trials: Mapped[int | None]
    space: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    groups: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    verdict: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    importances: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tuned: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    round_id: Mapped[int | None]
    tidy: Mapped[bool] = mapped_column(default=False)  # of one that has ended, nothing is left but its rows
    __table_args__ = (
        Index(
            "one_active_tuning_per_question",
            "question_id",
            unique=True,
            sqlite_where=_SEARCHING_SQL,
            postgresql_where=_SEARCHING_SQL,
        ),
        Index("tunings_by_question", "question_id", "id"),
    )


class TrialRole(StrEnum):
    DEFAULTS = "defaults"  # what the others are compared with
    SEARCH = "search"
    ANEW = "anew"  # one of the best, or the defaults, on fresh folds


class TrialState(StrEnum):
    WAITING = "waiting"  # for a job that measures it at `rung`
    RUNNING = "running"
    COMPLETE = "complete"  # measured as closely as can be
    PRUNED = "pruned"  # others were ahead
    FAILED = "failed"


class TrialRow(Base):
    """Settings that are measured, at one rung after another: `values` and the losses by example at the last of them.

    `settings` is a training.spec.Tuned, None the defaults; `params` are the same as the search knows them, `notes` what
    its pruner remembers. A trial that is measured anew is `of` another one.
    """

    __tablename__ = "tuning_trials"
    tuning_id: Mapped[int] = mapped_column(ForeignKey("tunings.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    role: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16), default=TrialState.WAITING)
    rung: Mapped[int] = mapped_column(default=0)
    seed: Mapped[int] = mapped_column(default=0)
    of: Mapped[int | None]
    settings: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)
    values: Mapped[dict[str, Any]] = mapped_column(default=dict)
    notes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    losses: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    score: Mapped[float | None]
    seconds: Mapped[float] = mapped_column(default=0.0)
    detail: Mapped[str] = mapped_column(Text, default="")
    attempts: Mapped[int] = mapped_column(default=0)

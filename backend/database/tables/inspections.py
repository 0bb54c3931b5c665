"""What was found out about checkpoints after the gate had decided."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from labelwheel.backend.database.tables.base import Base, now


class InspectionState(StrEnum):
    RUNNING = "running"  # also while it waits for a round to end
    DONE = "done"
    FAILED = "failed"


class InspectionRow(Base):
    """The latest inspection of a checkpoint; what it found is in `InspectionPart`.

    It knows the labels up to `last_event_id`, of `label_count` examples. `attempts` counts the processes that ended
    before all was done, other than for a round.
    """

    __tablename__ = "inspections"
    id: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"))
    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), unique=True)
    version: Mapped[str]
    state: Mapped[str] = mapped_column(String(16), default=InspectionState.RUNNING)
    problem: Mapped[str | None] = mapped_column(Text)
    label_count: Mapped[int] = mapped_column(default=0)
    last_event_id: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    __table_args__ = (Index("inspections_by_question", "question_id", "id"),)


class InspectionPart(Base):
    """What one section left, see `training.inspection.files`: `found`, up to megabytes of it, or a `problem`."""

    __tablename__ = "inspection_parts"
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspections.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int] = mapped_column(default=0)  # in the report
    found: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    text: Mapped[str] = mapped_column(Text, default="")
    seconds: Mapped[float] = mapped_column(default=0.0)
    problem: Mapped[str | None] = mapped_column(Text)

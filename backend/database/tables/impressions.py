"""What people were shown, for labelling tools that do not remember it, and in which order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from labelwheel.backend.database.tables.base import Base, now


class Impression(Base):
    """What one version suggested for one example, by question, how sure it was, and since when."""

    __tablename__ = "shown"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    example_key: Mapped[str]
    version: Mapped[str]
    answers: Mapped[dict[str, Any]]
    scores: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # None: noted by an earlier version
    shown_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("project_id", "example_key", "version", name="one_showing_per_version"),)


class ShownOrder(Base):
    """The order in which a project's examples are proposed, replaced whole; see backend.ledger.shown_order."""

    __tablename__ = "orders"
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str]
    examples: Mapped[list[Any]]
    made_at: Mapped[datetime] = mapped_column(default=now)

"""Who serves what: generations and their revisions, backfills, web processes, and the lease of the worker."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from labelwheel.backend.database.tables.base import Base, now


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


class HeadRow(Base):
    """A fast head of one question, as `labelwheel.training.heads` writes it; it stands on the checkpoint `champion_id`.

    Immutable. Only the newest few are kept: a web process has read its own.
    """

    __tablename__ = "heads"
    id: Mapped[int] = mapped_column(primary_key=True)
    question_id: Mapped[int] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"))
    version: Mapped[str] = mapped_column(unique=True)
    champion_id: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    label_count: Mapped[int] = mapped_column(default=0)
    last_event_id: Mapped[int] = mapped_column(default=0)
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what the gate found
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (Index("heads_by_question", "question_id", "id"),)


class Revision(Base):
    """A generation with newer heads; `members` maps a question's name to the id of its head.

    Questions that are not in it are answered by their champions.
    """

    __tablename__ = "revisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    generation: Mapped[str]
    name: Mapped[str] = mapped_column(unique=True)
    members: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (Index("revisions_by_generation", "generation", "id"),)


class Backfill(Base):
    """Fresh suggestions of one generation on their way into the tool; dropped when a newer one arrives."""

    __tablename__ = "backfills"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    generation: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(String(16), default="running")  # running, done, dropped
    cursor: Mapped[str | None] = mapped_column(Text)
    done: Mapped[int] = mapped_column(default=0)
    examples_until: Mapped[int] = mapped_column(default=0)  # the id of the newest example that was there when it began
    started_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]


class Server(Base):
    """What each web process serves, reported by itself: name, heartbeat, and generation by project id.

    `prepared` has, in the same way, what it could answer with from one moment to the next.
    """

    __tablename__ = "servers"
    name: Mapped[str] = mapped_column(primary_key=True)
    serving: Mapped[dict[str, Any]]
    prepared: Mapped[dict[str, Any]] = mapped_column(default=dict)
    problems: Mapped[dict[str, Any]] = mapped_column(default=dict)
    memory_mb: Mapped[float | None]
    models: Mapped[dict[str, Any]] = mapped_column(default=dict)
    seen_at: Mapped[datetime] = mapped_column(default=now)


class Lease(Base):
    """A role that only one process may hold, such as the worker; the fence grows with each holder."""

    __tablename__ = "leases"
    role: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    fence: Mapped[int] = mapped_column(default=1)
    until: Mapped[datetime]

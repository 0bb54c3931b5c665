"""Who may do what, and who did: the secrets that stand in the labelling tools, and the audit log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from labelwheel.backend.database.tables.base import Base, now


class ToolSecret(Base):
    """A secret that a labelling tool shows when it calls; good for one project and purpose, known by its hash alone.

    `settled` tells that the tool was seen to take it: from then on the ones before are gone.
    """

    __tablename__ = "tool_secrets"
    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    settled: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (Index("tool_secrets_by_project", "project_id"),)


class AuditLine(Base):
    """Who did what, or tried to. Holds no secret; lines outlive the project that they are about."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(String(32))
    peer: Mapped[str]
    project_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(Text)
    status: Mapped[int | None]
    made_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (Index("audit_by_project", "project_id", "id"),)

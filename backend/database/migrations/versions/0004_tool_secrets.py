"""Secrets for each project instead of the service's own token in the labelling tools; the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labelwheel.backend.database.tables import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_REASON = "an earlier version may have left the service's own token in the labelling tool"


def upgrade() -> None:
    op.create_table(
        "tool_secrets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("made_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index("tool_secrets_by_project", "tool_secrets", ["project_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("peer", sa.String(length=255), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("made_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_by_project", "audit", ["project_id", "id"], unique=False)
    op.add_column("projects", sa.Column("rewiring", sa.JSON(none_as_null=True), nullable=True))
    projects = sa.table("projects", sa.column("state", sa.String()), sa.column("rewiring", sa.JSON()))
    wish = {"reason": _REASON, "by": "the update", "renew": False, "trouble": None}
    op.execute(projects.update().where(projects.c.state == "connected").values(rewiring=wish))

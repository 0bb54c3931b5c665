"""Searches for better settings; how rounds learn, where one has found something."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labelwheel.backend.database.tables.base import Moment

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    for table in ("questions", "rounds"):
        op.add_column(table, sa.Column("tuned", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "tunings",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("project_id", sa.Integer(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        sa.Column("question_id", sa.Integer(), sa.ForeignKey("questions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("budget", sa.Double(), nullable=False),
        sa.Column("spent", sa.Double(), nullable=False),
        sa.Column("most_trials", sa.Integer(), nullable=True),
        sa.Column("label_count", sa.Integer(), nullable=False),
        sa.Column("last_event_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(16), nullable=False),
        sa.Column("launcher", sa.String(255), nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("space", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("groups", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("verdict", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("importances", sa.JSON(), nullable=False),
        sa.Column("tuned", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("round_id", sa.Integer(), nullable=True),
        sa.Column("tidy", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("started_at", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
    )
    op.create_index("tunings_by_question", "tunings", ["question_id", "id"])
    op.create_index(
        "one_active_tuning_per_question", "tunings", ["question_id"], unique=True,
        sqlite_where=_ACTIVE, postgresql_where=_ACTIVE,
    )  # fmt: skip
    op.create_table(
        "tuning_trials",
        sa.Column("tuning_id", sa.Integer(), sa.ForeignKey("tunings.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=True),
        sa.Column("settings", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("losses", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
    )

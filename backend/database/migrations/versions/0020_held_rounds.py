"""Rounds that wait for somebody to promote them, and what a run of a pipeline has ordered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labelwheel.backend.database.tables.base import Moment

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_NAME = "one_active_round_per_question"
_BEFORE = sa.text("state IN ('queued', 'running', 'gating')")
_ACTIVE = sa.text("state IN ('queued', 'running', 'gating', 'held')")


def upgrade() -> None:
    op.add_column("rounds", sa.Column("held_until", Moment(), nullable=True))
    for table in ("rounds", "tunings"):
        op.add_column(table, sa.Column("hold", sa.Double(), nullable=True))
        op.add_column(table, sa.Column("run", sa.String(255), nullable=True))
    op.drop_index(_NAME, table_name="rounds", sqlite_where=_BEFORE, postgresql_where=_BEFORE)
    op.create_index(_NAME, "rounds", ["question_id"], unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE)

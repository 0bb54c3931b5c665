"""Marks that are compared where times were: wishes for a sweep, hints, new examples; and since when intake stalls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labelwheel.backend.database.tables import Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("sweep_wanted", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("projects", sa.Column("hint_answered", Moment(), nullable=True))
    op.add_column("projects", sa.Column("stalled_at", Moment(), nullable=True))
    op.add_column("backfills", sa.Column("examples_until", sa.Integer(), nullable=False, server_default="0"))
    # a project without a sweep, or with a wish for one, is swept once from now on
    op.execute("UPDATE projects SET sweep_wanted = sweep_number + 1 WHERE swept_at IS NULL")
    op.execute("UPDATE projects SET hint_answered = hinted_at WHERE polled_at >= hinted_at")
    op.execute(
        "UPDATE backfills SET examples_until = coalesce((SELECT max(examples.id) FROM examples "
        "WHERE examples.project_id = backfills.project_id AND examples.added_at <= backfills.started_at), 0)"
    )
    op.drop_index("examples_by_arrival", table_name="examples")
    op.create_index("examples_by_arrival", "examples", ["project_id", "id"])
    op.drop_column("examples", "seen_at")


def downgrade() -> None:
    op.add_column("examples", sa.Column("seen_at", Moment(), nullable=False, server_default="2026-01-01 00:00:00"))
    op.drop_index("examples_by_arrival", table_name="examples")
    op.create_index("examples_by_arrival", "examples", ["project_id", "added_at"])
    op.drop_column("backfills", "examples_until")
    for name in ("stalled_at", "hint_answered", "sweep_wanted"):
        op.drop_column("projects", name)

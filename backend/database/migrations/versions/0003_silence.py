"""Since when each question is asked, so that silence before is no answer; of older questions nothing is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labelwheel.backend.database.tables import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("asked_since", "other_until"):
        op.add_column("questions", sa.Column(name, Moment(), nullable=True))
    for name in ("asked_from_start", "left_open"):
        op.add_column("questions", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for name in ("left_open", "asked_from_start", "other_until", "asked_since"):
        op.drop_column("questions", name)

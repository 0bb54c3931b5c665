"""Which examples a hint is about; hints of before say nothing of that, and ask for a poll."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("hinted_keys", sa.JSON(none_as_null=True), nullable=True))

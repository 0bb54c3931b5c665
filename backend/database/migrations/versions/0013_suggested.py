"""What was suggested to whoever gave a label: the tool forgets it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("events", "labels"):
        op.add_column(table, sa.Column("suggested", sa.JSON(none_as_null=True), nullable=True))

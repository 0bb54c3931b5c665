"""Label errors that are shown in the labelling tool."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("sent_back", sa.JSON(none_as_null=True), nullable=True))

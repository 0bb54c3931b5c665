"""What a labelling tool has of an example beside its texts, as far as a setting names it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("examples", sa.Column("columns", sa.JSON(none_as_null=True), nullable=True))

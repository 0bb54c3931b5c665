"""How sure the model was of what was shown; of what was shown before, nothing is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shown", sa.Column("scores", sa.JSON(none_as_null=True), nullable=True))

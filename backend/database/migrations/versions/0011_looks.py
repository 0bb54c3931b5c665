"""The how-manieth look at its champion each round was, and what its challenger scored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rounds", sa.Column("look", sa.Integer(), nullable=True))
    for name in ("score", "low", "high"):
        op.add_column("rounds", sa.Column(name, sa.Double(), nullable=True))

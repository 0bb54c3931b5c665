"""Learning curves: what a round says of fewer labels than it had, by which the next ones are foretold."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rounds", sa.Column("learning_curve", sa.JSON(), nullable=True))

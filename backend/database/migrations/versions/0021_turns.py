"""Turns: several web processes answer with another generation from one moment on, all of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("answering_id", sa.Integer(), nullable=True))
    op.add_column("projects", sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE projects SET answering_id = generation_id")
    op.add_column("servers", sa.Column("prepared", sa.JSON(), nullable=False, server_default="{}"))

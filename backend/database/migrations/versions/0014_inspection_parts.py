"""A row for each section of an inspection: what it found can be large, and was read whenever the inspection was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    parts = op.create_table(
        "inspection_parts",
        sa.Column("inspection_id", sa.Integer(), sa.ForeignKey("inspections.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("found", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
    )
    before = sa.table("inspections", sa.column("id", sa.Integer()), sa.column("parts", sa.JSON()))
    for number, found in op.get_bind().execute(sa.select(before.c.id, before.c.parts)).all():
        for name, part in found.items():
            empty = {"place": 0, "found": None, "text": "", "seconds": 0.0, "problem": None}
            op.bulk_insert(parts, [{"inspection_id": number, "name": name} | empty | part])
    op.drop_column("inspections", "parts")

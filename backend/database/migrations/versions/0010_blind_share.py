"""Which examples may be blind, and which labels were given without a suggestion in sight."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from labelwheel.training.evaluation.splits import blind_lot

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    op.add_column("examples", sa.Column("blind_lot", sa.Double(), nullable=False, server_default="1"))
    for table in ("events", "labels"):
        op.add_column(table, sa.Column("blind", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("labels", sa.Column("unseen_version", sa.String(), nullable=True))
    op.add_column("labels", sa.Column("unseen_agrees", sa.Boolean(), nullable=True))
    _draw(op.get_bind())


def _draw(connection: sa.Connection) -> None:
    projects = sa.table("projects", *map(sa.column, ("id", "pool_id", "tool", "external_id")))
    examples = sa.table("examples", *map(sa.column, ("id", "project_id", "group_key", "part", "blind_lot")))
    rows = connection.execute(sa.select(projects)).all()
    salts = {row.id: f"{row.tool}/{row.external_id}" for row in rows}
    salt_of = {row.id: salts[row.pool_id or row.id] for row in rows}
    write = sa.update(examples).where(examples.c.id == sa.bindparam("number")).values(blind_lot=sa.bindparam("lot"))
    last = 0
    while True:
        query = sa.select(examples.c.id, examples.c.project_id, examples.c.group_key)
        query = query.where(examples.c.id > last).order_by(examples.c.id).limit(_AT_ONCE)
        found = connection.execute(query).all()
        if not found:
            return
        last = found[-1].id
        drawn = [{"number": row.id, "lot": blind_lot(row.group_key, salt=salt_of[row.project_id])} for row in found]
        connection.execute(write, drawn)

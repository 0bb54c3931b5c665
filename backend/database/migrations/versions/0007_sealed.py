"""Tools' keys encrypted with a key outside of the database, hashes of rounds' tokens and of checkpoints' manifests."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import context, op

from labelwheel.backend.database import sealing

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sealing.seal(op.get_bind(), context.config.attributes.get("keys"))
    rounds = sa.table("rounds", sa.column("id", sa.Integer()), sa.column("progress_token", sa.String()))
    for number, token in op.get_bind().execute(sa.select(rounds).where(rounds.c.progress_token.is_not(None))).all():
        digest = hashlib.sha256(token.encode()).hexdigest()
        op.execute(rounds.update().where(rounds.c.id == number).values(progress_token=digest))
    op.add_column("checkpoints", sa.Column("manifest_digest", sa.String(length=64), nullable=True))

"""How alembic reaches the database: on the connection and in the transaction of `Database.migrate`."""

from __future__ import annotations

from alembic import context

from labelwheel.backend.database.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite can roll DDL back, once the driver is kept from committing by itself: a killed migration leaves nothing
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()

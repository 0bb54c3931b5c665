"""Databases as earlier versions left them, for tests of what becomes of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, create_engine

from labelwheel.backend.database import migrations

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@contextmanager
def database_of(url: str, revision: str) -> Iterator[tuple[Connection, MetaData]]:
    """An empty one with the tables of a revision, which are committed at the end with what was written."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        tables = MetaData()
        tables.reflect(connection)
        yield connection, tables
    engine.dispose()


def filled(table: Table, **values: Any) -> dict[str, Any]:
    """A row with something in each column that has to have it."""
    empty = {"JSON": {}, "INTEGER": 0, "BOOLEAN": False, "DATETIME": NOON, "TIMESTAMP": NOON}
    needed = {column.name: column for column in table.columns if not column.nullable and column.name not in values}
    return {name: empty.get(str(column.type).split("(")[0], "x") for name, column in needed.items()} | values

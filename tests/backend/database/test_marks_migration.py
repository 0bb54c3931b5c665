"""Rows from before marks took the place of times: what was wished for, hinted and shown then still is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData, Table, create_engine, select

from labelwheel.backend.database import migrations
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Backfill, Project
from labelwheel.backend.ledger import hints, sweeps
from tests.backend.ledger.helpers import KEYS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _filled(table: Table, **values: Any) -> dict[str, Any]:
    """A row with something in each column that has to have it."""
    empty = {"JSON": {}, "INTEGER": 0, "BOOLEAN": False, "DATETIME": NOON, "TIMESTAMP": NOON}
    needed = {column.name: column for column in table.columns if not column.nullable and column.name not in values}
    return {name: empty.get(str(column.type).split("(")[0], "x") for name, column in needed.items()} | values


def test_old_rows_keep_their_wishes_hints_and_backfills(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        tables = MetaData()
        tables.reflect(connection)
        projects, examples, backfills = (tables.tables[name] for name in ("projects", "examples", "backfills"))
        looked, before, after = NOON, NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)
        for number, swept, hinted in ((1, looked, before), (2, None, after)):
            place = {"url": f"http://{number}", "sweep_number": 4, "polled_at": looked}
            row = _filled(projects, id=number, swept_at=swept, hinted_at=hinted, **place)
            connection.execute(projects.insert().values(row))
        for number, added in ((1, before), (2, after)):
            row = _filled(examples, id=number, project_id=1, key=str(number), added_at=added)
            connection.execute(examples.insert().values(row))
        row = _filled(backfills, id=1, project_id=1, generation="g", started_at=looked)
        connection.execute(backfills.insert().values(row))
    engine.dispose()
    database = Database(url)
    database.migrate(KEYS)
    with database.session() as session:
        rested, wishful = session.scalars(select(Project).order_by(Project.id))
        assert [sweeps.due(each, 0, 60) for each in (rested, wishful)] == [False, True]
        assert [hints.waiting(each) for each in (rested, wishful)] == [False, True]
        assert session.scalars(select(Backfill.examples_until)).one() == 1, "the second example came later"
    database.dispose()

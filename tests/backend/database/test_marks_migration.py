"""Rows from before marks took the place of times: what was wished for, hinted and shown then still is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Backfill, Project
from labelwheel.backend.ledger import hints, sweeps
from tests.backend.database.former import NOON, database_of, filled
from tests.backend.ledger.helpers import KEYS


def test_old_rows_keep_their_wishes_hints_and_backfills(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with database_of(url, "0005") as (connection, tables):
        projects, examples, backfills = (tables.tables[name] for name in ("projects", "examples", "backfills"))
        looked, before, after = NOON, NOON - timedelta(minutes=1), NOON + timedelta(minutes=1)
        for number, swept, hinted in ((1, looked, before), (2, None, after)):
            place = {"url": f"http://{number}", "sweep_number": 4, "polled_at": looked}
            row = filled(projects, id=number, swept_at=swept, hinted_at=hinted, **place)
            connection.execute(projects.insert().values(row))
        for number, added in ((1, before), (2, after)):
            row = filled(examples, id=number, project_id=1, key=str(number), added_at=added)
            connection.execute(examples.insert().values(row))
        row = filled(backfills, id=1, project_id=1, generation="g", started_at=looked)
        connection.execute(backfills.insert().values(row))
    database = Database(url)
    database.migrate(KEYS)
    with database.session() as session:
        rested, wishful = session.scalars(select(Project).order_by(Project.id))
        assert [sweeps.due(each, 0, 60) for each in (rested, wishful)] == [False, True]
        assert [hints.waiting(each) for each in (rested, wishful)] == [False, True]
        assert session.scalars(select(Backfill.examples_until)).one() == 1, "the second example came later"
    database.dispose()

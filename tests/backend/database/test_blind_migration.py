"""Examples from before the blind share have a lot, and labels from before it are not taken for blind ones."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Event, ExampleRow, Label, Project
from labelwheel.backend.ledger.blind_share import lot_of
from labelwheel.training.evaluation.splits import Placement, blind_lot
from labelwheel.training.spec import Part
from tests.backend.database.former import database_of, filled
from tests.backend.ledger.helpers import KEYS


def test_old_examples_draw_as_they_would_have(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with database_of(url, "0009") as (connection, tables):
        projects, examples, events, labels = (
            tables.tables[name] for name in ("projects", "examples", "events", "labels")
        )
        for number, pool in ((1, None), (2, 1)):
            place = {"url": f"http://{number}", "external_id": str(number), "tool": "argilla", "pool_id": pool}
            connection.execute(projects.insert().values(filled(projects, id=number, **place)))
        for number in range(1, 2501):
            row = {"project_id": 1 + number % 2, "key": str(number), "group_key": f"g{number}", "part": "held_out"}
            connection.execute(examples.insert().values(filled(examples, id=number, **row)))
        for table in (events, labels):
            connection.execute(table.insert().values(filled(table, id=1, project_id=1)))
    database = Database(url)
    database.migrate(KEYS)
    with database.session() as session:
        found = {row.group: row.blind_lot for row in session.scalars(select(ExampleRow))}
        assert found == {f"g{number}": blind_lot(f"g{number}", salt="argilla/1") for number in range(1, 2501)}
        sharing = session.get_one(Project, 2)
        assert found["g1"] == lot_of(session, sharing, Placement("g1", Part.HELD_OUT)), "the pool's, as when it comes"
        assert [*session.scalars(select(Event.blind)), *session.scalars(select(Label.blind))] == [False, False]
    database.dispose()

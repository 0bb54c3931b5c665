"""The tables of the first release become those of today, and nothing that was placed moves."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from labelwheel.backend.database.engine import _MIGRATIONS, Database
from labelwheel.backend.database.tables import Band, ExampleRow, FamilyRow, PlacedText, Project, RepresentativeRow
from labelwheel.plugins.testing.fake_tool import FakeConnector, Tool
from labelwheel.training.evaluation.splits import Text, signature
from labelwheel.training.questions import Example
from testkit import postgresql
from tests.backend.ledger.helpers import KEYS, Ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'old.db'}"
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    return server.create(f"families-{request.node.originalname}"[:60])


def upgrade(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with database._writer.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def fill(database: Database, examples: list[tuple[str, str, str]]) -> None:
    """A project as the first release wrote it: text, group and side of each example; a place for each loose text."""
    moment = "2026-01-01 00:00:00"
    with database.transaction() as tx:
        tx.execute(
            sa.text(
                "INSERT INTO projects (id, tool, url, external_id, api_key, service_url, title, source, options,"
                " unlearnt, state, step, sweep_number, created_at) VALUES (1, 'fake', 'http://old', '1', 'k',"
                " 'http://us', '', '', '{}', '[]', 'connected', '', 0, :moment)"
            ),
            {"moment": moment},
        )
        placed = set()
        for number, (text, group, part) in enumerate(examples, start=1):
            fields = {"text": text}
            tx.execute(
                sa.text(
                    "INSERT INTO examples (project_id, key, fields, digest, group_key, part, gone, sweep_number,"
                    " seen_at, added_at) VALUES (1, :key, :fields, :digest, :group, :part, :gone, 0, :moment, :moment)"
                ),
                {
                    "key": str(number), "fields": json.dumps(fields), "group": group, "part": part, "moment": moment,
                    "digest": hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest(), "gone": False,
                },
            )  # fmt: skip
            signed = signature(text)
            if signed.key in placed:
                continue
            placed.add(signed.key)
            tx.execute(
                sa.text(
                    "INSERT INTO placed (project_id, key, group_key, part, signature)"
                    " VALUES (1, :key, :group, :part, :signature)"
                ),
                {"key": signed.key, "group": group, "part": part, "signature": signed.digest + signed.values},
            )


def test_every_example_keeps_its_side_and_large_groups_are_cut(url: str) -> None:
    database = Database(url)
    upgrade(database, "0001")
    lines = [f"Payment of {17 * n}.{n % 100:02} received on account {n**3}" for n in range(40)]
    copies = ["Where is my parcel?", "where is MY parcel", "Where is my parcel!!"]
    swallowed = signature(lines[0]).key
    known = [(text, swallowed, "held_out") for text in lines] + [(text, "parcel", "train") for text in copies]
    known.append(("quite another thing that is of its own", "other", "apart"))
    fill(database, known)
    database.migrate(KEYS)
    with database.session() as session:
        rows = session.scalars(sa.select(ExampleRow).order_by(ExampleRow.id)).all()
        assert [row.part for row in rows] == [part for _, _, part in known]
        assert len({row.group for row in rows[:40]}) == 40
        assert [row.group for row in rows[40:]] == ["parcel"] * 3 + ["other"]
        places = {row.key: (row.group, row.part) for row in session.scalars(sa.select(PlacedText))}
        assert places == {Text(row.fields["text"]).key: (row.group, row.part) for row in rows}
        families = {row.group: (row.texts, row.cut) for row in session.scalars(sa.select(FamilyRow))}
        assert families == {swallowed: (40, True)}
        assert session.get_one(Project, 1).texts == 42
        sketches = {row.sketch for row in session.scalars(sa.select(RepresentativeRow))}
        assert {signature(copies[0]).sketch, signature(known[-1][0]).sketch} <= sketches
        assert session.scalar(sa.select(sa.func.count()).select_from(Band)) > 20
    database.dispose()


def test_what_arrives_later_meets_what_was_there(url: str) -> None:
    database = Database(url)
    upgrade(database, "0001")
    lines = [f"Payment of {17 * n}.{n % 100:02} received on account {n**3}" for n in range(40)]
    text = "the delivery came late and the box was damaged, I want my money back today"
    fill(database, [(line, "lines", "held_out") for line in lines] + [(text, "box", "held_out")])
    database.migrate(KEYS)
    ledger = Ledger.__new__(Ledger)
    ledger.database, ledger.tool, ledger.id, ledger.columns = database, Tool(page_size=50), 1, {}
    FakeConnector.tools["http://old"] = ledger.tool
    later = [*lines[:3], f"{text} now", *(line.replace("Payment", "payment").replace("7", "8") for line in lines)]
    for number, each in enumerate([*lines, text, *later], start=1):
        ledger.tool.examples[str(number)] = Example(key=str(number), fields={"text": each})
    ledger.take(ledger.tool.page([str(number) for number in range(1, 42)], "41"))
    assert {row.part for row in ledger.examples.values()} == {"held_out"}  # known examples, unchanged
    ledger.take(ledger.tool.page(list(ledger.tool.examples), "99"))
    rows = ledger.examples
    assert [rows[str(n)].part for n in range(1, 46)] == ["held_out"] * 45
    assert rows["45"].group == rows["41"].group == "box"
    assert {rows[str(n)].part for n in range(46, len(rows) + 1)} == {"train", "held_out"}
    database.dispose()

"""A database that the first version wrote is started with today's code: all that was in it is there, and goes on."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from labelwheel.backend.database import engine as database_module
from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Base, Label, Moment
from labelwheel.backend.ledger.labelling import rebuild
from labelwheel.backend.processes import home_folder
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.views.status import status
from labelwheel.plugins.connector import Work
from labelwheel.plugins.testing.fake_tool import FakeConnector, Tool
from labelwheel.training.evaluation.splits import Text
from labelwheel.training.questions import Example, Question
from testkit import postgresql
from tests.backend.world import World

STORED = Path(__file__).parent / "stored_0001.sql"
Row = dict[str, Any]
Rows = dict[str, list[Row]]
# What a migration changed; everything else is to be found where it was, as it was.
CHANGED = {
    "alembic_version": {"version_num"},
    "projects": {"api_key", "options"},  # encrypted
    "rounds": {"progress_token"},  # a hash
    "examples": {"seen_at", "digest", "group_key"},  # dropped, cut short, and cut up where a group was no set of copies
}
REPLACED = {"placed", "bands"}  # by families and their representatives


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The stored database's URL."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(STORED.read_text("utf-8"))
    if request.param == "sqlite":
        return f"sqlite:///{path}"
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    url = server.create(f"stored-{request.node.originalname}"[:60])
    _fill(url, f"sqlite:///{path}")
    return url


def _fill(url: str, source: str) -> None:
    """The same rows in another engine, in the tables that 0001 makes there."""
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).parent / "migrations"))
    found, tables = _rows(source), sa.MetaData()
    database = Database(url)
    with database.connection() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name != "alembic_version" and found[table.name]:
                connection.execute(table.insert(), found[table.name])
                if "id" in table.columns:
                    last = max(row["id"] for row in found[table.name])
                    sequence = sa.func.pg_get_serial_sequence(table.name, "id")
                    connection.execute(sa.select(sa.func.setval(sequence, last)))
    database.dispose()


def _rows(url: str) -> Rows:
    """Everything that is in a database, by table; what looks the same in both engines is the same."""
    database, tables = Database(url), sa.MetaData()
    with database.session() as session:
        tables.reflect(session.connection())
        for table in tables.tables.values():
            for column in table.columns:
                if isinstance(column.type, sa.DateTime):
                    column.type = Moment()
        found = {
            table.name: [dict(row) for row in session.execute(sa.select(table)).mappings()]
            for table in tables.sorted_tables
        }
    database.dispose()
    return found


@pytest.fixture
def settings(old: str, tmp_path: Path) -> Settings:
    return load(home=tmp_path / "home", database=old, quiet_seconds=0.0, poll_seconds=1e-6, first_round=4)


def _identity(table: str, row: Row) -> tuple[Any, ...]:
    (*names,) = Base.metadata.tables[table].primary_key.columns.keys() if table in Base.metadata.tables else ()
    return tuple(row[name] for name in names)


def test_everything_is_there_after_the_upgrade(old: str, settings: Settings) -> None:
    before = _rows(old)
    assert all(before[name] for name in before if name != "bands"), "a stored table without a row says nothing"
    home_folder.prepare(settings)
    after = _rows(old)
    assert set(after) == {*Base.metadata.tables, "alembic_version"}
    for table in before.keys() - REPLACED:
        kept = before[table][0].keys() - CHANGED.get(table, set())
        now = {_identity(table, row): row for row in after[table]}
        assert len(now) == len(before[table]), table
        for row in before[table]:
            assert {name: now[_identity(table, row)][name] for name in kept} == {name: row[name] for name in kept}
    _assert_sealed(before, after, settings)
    _assert_same_split(before, after)


def _assert_sealed(before: Rows, after: Rows, settings: Settings) -> None:
    keys = keyring.load(settings)
    for old, new in zip(_by_id(before["projects"]), _by_id(after["projects"]), strict=True):
        assert new["api_key"] != old["api_key"] == keys.open(new["api_key"])
        opened = keys.open_options(new["options"])
        assert opened.pop("secret").get_secret_value() == old["options"]["secret"]
        assert opened == {"backend": old["options"]["backend"]}
        assert (new["rewiring"] is not None) == (old["state"] == "connected")
    tokens = [row["progress_token"] for row in _by_id(before["rounds"])]
    assert any(tokens)
    hashes = [hashlib.sha256(token.encode()).hexdigest() if token else None for token in tokens]
    assert [row["progress_token"] for row in _by_id(after["rounds"])] == hashes


def _assert_same_split(before: Rows, after: Rows) -> None:
    """Each text is known by its exact name, on the side and in the group of its example; each group has who speaks."""
    assert {row["part"] for row in before["examples"]} == {"train", "held_out"}
    pools = {row["id"]: row["pool_id"] or row["id"] for row in before["projects"]}
    places = {(row["project_id"], row["key"]): (row["group_key"], row["part"]) for row in after["placed_texts"]}
    cut = {row["group_key"] for row in after["families"] if row["cut"]}
    payments = [row for row in before["examples"] if "Payment" in str(row["fields"])]
    assert cut == {row["group_key"] for row in payments}
    for old, new in zip(_by_id(before["examples"]), _by_id(after["examples"]), strict=True):
        (text,) = new["fields"].values()
        assert places[pools[new["project_id"]], Text(text).key] == (new["group_key"], new["part"])
        assert old["digest"].startswith(new["digest"])
        assert (new["group_key"] == old["group_key"]) == (old["group_key"] not in cut)
    assert len({row["group_key"] for row in after["examples"] if "Payment" in str(row["fields"])}) == len(payments)
    standing = {(row["project_id"], row["group_key"], row["part"], row["sketch"]) for row in after["representatives"]}
    assert standing == {
        (row["project_id"], row["group_key"], row["part"], bytes(row["signature"])[16::4]) for row in before["placed"]
    }


def _by_id(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["id"])


@pytest.fixture
def tools(old: str) -> Iterator[dict[int, Tool]]:
    """What the labelling tools have: what the ledger knows of them, without the example that was deleted since."""
    rows, made = _rows(old), {}
    labels = rows["labels"]
    for project in rows["projects"]:
        number = project["id"]
        mine = {name: [row for row in rows[name] if row.get("project_id") == number] for name in rows}
        tool = made[number] = Tool(
            questions=tuple(Question.model_validate(row["spec"]) for row in _by_id(mine["questions"])),
            examples={row["key"]: Example(key=row["key"], fields=row["fields"]) for row in mine["examples"]},
            work={row["key"]: _work(row, labels) for row in mine["works"] if not row["gone"]},
            log=["1"] * int(project["poll_cursor"]),  # what the cursor has passed by
            page_size=4,
        )
        FakeConnector.tools[project["url"]] = tool
    made[2].remove("13")
    yield made
    for project in rows["projects"]:
        del FakeConnector.tools[project["url"]]


def _work(row: Row, labels: list[Row]) -> Work:
    given = [one for one in labels if (one["project_id"], one["work_key"]) == (row["project_id"], row["key"])]
    return Work(
        key=row["key"], example=row["example_key"], annotator=row["annotator"], updated_at=row["updated_at"],
        answers={one["question"]: one["answer"] for one in given},
        origins={one["question"]: one["origin"] for one in given},
        version=given[0]["version"] if given else None, lead_time=given[0]["lead_time"] if given else None,
        skipped=row["skipped"], rejected=tuple(row["rejected"]),
    )  # fmt: skip


def test_the_worker_goes_on_where_the_first_version_was_stopped(
    old: str, settings: Settings, tools: dict[int, Tool], fake_tools: None, impatient: None
) -> None:
    before = _rows(old)
    home_folder.prepare(settings)
    database = Database(old)
    world = World(database, settings)

    def seen() -> dict[int, Row]:
        with database.session() as session:
            return {one["id"]: one for one in status(session, settings)["projects"]}

    shown = seen()
    assert {number: one["state"] for number, one in shown.items()} == {1: "connected", 2: "connected"}
    topic, places = shown[1]["questions"]
    assert topic["champion"]["version"] == before["checkpoints"][1]["version"]
    assert [point["labels"] for point in topic["curve"]] == [0, 4, 6]
    assert topic["round"]["state"] == "running"
    assert (topic["labels"]["total"], places["labels"]["total"]) == (5, 2)
    served = [row["name"] for row in _by_id(before["generations"])]
    accepted = {one["version"]: (one["accepted"], one["changed"]) for one in topic["acceptance"]}
    assert accepted[served[1]] == (1, 1)
    assert [one["question"] for one in shown[2]["questions"][0]["shared_with"]] == ["topic"]

    world.until(lambda: world.rounds[6].state == "promoted")
    world.until(lambda: all(one["version"]["announced"] == one["version"]["current"] for one in seen().values()))
    world.until(lambda: all(one["sweep"]["at"] and not one["sweep"]["running"] for one in seen().values()))
    after = _rows(old)
    known = [{name: row[name] for name in before["events"][0]} for row in after["events"]]
    assert known == before["events"], "nothing was labelled, and nothing is taken for new"
    gone = [(row["project_id"], row["key"]) for row in after["examples"] if row["gone"]]
    assert gone == [(2, "13")], "the sweep went on where it was"
    assert len(after["examples"]) == len(before["examples"])
    assert all(row["rewiring"] is None for row in after["projects"]), "each tool has secrets of its own now"
    assert tools[1].service is not None
    assert tools[3].calls == [], "a project that was disconnected stays so"
    with database.transaction() as tx:
        facts = [_facts(row) for row in tx.scalars(sa.select(Label).order_by(Label.event_id))]
        for number in (1, 2, 3):
            rebuild(tx, number)
        assert [_facts(row) for row in tx.scalars(sa.select(Label).order_by(Label.event_id))] == facts
    database.dispose()


def _facts(label: Label) -> tuple[Any, ...]:
    when: datetime = label.made_at
    return label.work_key, label.question, label.answer, label.annotator, label.origin, label.version, when

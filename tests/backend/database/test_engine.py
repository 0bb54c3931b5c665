"""The database itself: migrations, transactions, secrets."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select
from sqlalchemy.exc import SQLAlchemyError

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Base, Lease, Project, now
from labelwheel.backend.errors import InvalidSettings
from testkit import postgresql


def migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'empty.db'}"
    server: postgresql.Server = request.getfixturevalue("postgresql_server")
    return server.create(f"empty-{request.node.originalname}")


def test_processes_that_start_at_once_migrate_one_after_the_other(empty_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=migrate, args=(empty_url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    with database.session() as session:
        context = MigrationContext.configure(session.connection())
        assert compare_metadata(context, Base.metadata) == []


def test_the_partial_index_holds_one_active_round(database: Database) -> None:
    with database.session() as session:
        indexes = {index["name"]: index for index in inspect(session.connection()).get_indexes("rounds")}
    assert indexes["one_active_round_per_question"]["unique"]


def test_a_migration_that_fails_leaves_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(op, "create_index", fail)
        with pytest.raises(RuntimeError):
            migrate(empty_url)
    database = Database(empty_url)
    with database.session() as session:
        assert inspect(session.connection()).get_table_names() == []
    migrate(empty_url)
    database.dispose()


def test_a_transaction_is_whole_or_nothing(database: Database) -> None:
    def fail() -> None:
        with database.transaction() as tx:
            tx.add(Lease(role="x", owner="a", until=now()))
            tx.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.session() as session:
        assert session.scalars(select(Lease)).all() == []


def test_what_a_reader_changes_is_never_sent(database: Database) -> None:
    with database.transaction() as tx:
        tx.add(Lease(role="x", owner="a", until=now()))
    with database.session() as session:
        lease = session.scalars(select(Lease)).one()
        lease.owner = "tried out"
        assert session.scalars(select(Lease.owner)).all() == ["a"]
        assert session.scalars(select(Lease)).one().owner == "tried out", "what is asked next keeps what was changed"
    with database.session() as session:
        assert session.get_one(Lease, "x").owner == "a"


def test_writers_wait_for_each_other_and_readers_for_nobody(database: Database) -> None:
    with database.transaction() as tx:
        tx.add(Lease(role="x", owner="a", fence=0, until=now()))

    def add() -> None:
        for _ in range(20):
            with database.transaction() as tx:
                lease = tx.scalars(select(Lease).with_for_update()).one()
                lease.fence += 1
                tx.flush()
                with database.session() as session:
                    session.scalars(select(Lease)).one()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.session() as session:
        assert session.get_one(Lease, "x").fence == 80


def test_an_error_names_no_secret(database: Database) -> None:
    def add() -> None:
        with database.transaction() as tx:
            tx.add(Project(tool="t", url="u", external_id="1", api_key="hunter2", service_url=""))

    add()
    with pytest.raises(SQLAlchemyError) as raised:
        add()
    assert "hunter2" not in f"{raised.value!r} {raised.value}"


@pytest.mark.parametrize("url", ["nonsense", "oracle://x/y", "strange://x"])
def test_an_url_that_cannot_be_used_is_said_so(url: str) -> None:
    with pytest.raises(InvalidSettings, match="LABELWHEEL_DATABASE"):
        Database(url)


def test_a_glance_begins_no_transaction_and_leaves_none_out_later(database: Database) -> None:
    with database.transaction() as tx:
        tx.add(Lease(role="worker", owner="one", until=now()))
    with database.glance() as connection:
        assert connection.scalar(select(Lease.__table__.c.owner)) == "one"
        driver = connection.connection.driver_connection
        assert driver is not None
        begun = driver.in_transaction if database.sqlite else driver.info.transaction_status.name != "IDLE"
        assert not begun

    def fail() -> None:
        with database.transaction() as tx:
            tx.get_one(Lease, "worker").owner = "two"
            tx.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.glance() as connection:
        assert connection.scalar(select(Lease.__table__.c.owner)) == "one"

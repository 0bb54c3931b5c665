"""The database: SQLite on one machine, PostgreSQL where several share it, behind the same two context managers."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import Session

from labelwheel.backend.database.keyring import Keyring
from labelwheel.backend.database.start_errors import check_tables, explained
from labelwheel.backend.errors import InvalidSettings

_BUSY_SECONDS = 30
_UNKEPT = re.compile("[\0\ud800-\udfff]")
_CONNECT_SECONDS = 10
_LOG_BYTES = 16 * 2**20
_MIGRATION_LOCK = 0x1ABE1  # any number, as long as every process asks for the same one
_MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """One database: `session()` reads one consistent state, `transaction()` writes all of a block or nothing.

    Raises InvalidSettings where the URL makes no sense or its driver is not installed, DatabaseUnusable where its
    folder cannot be made.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url = make_url(url)
            self.sqlite = self.url.get_backend_name() == "sqlite"
            if self.url.drivername in ("postgresql", "postgres"):
                self.url = self.url.set(drivername="postgresql+psycopg")
            self._engine = create_engine(self.url, hide_parameters=True, **self._options())
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise InvalidSettings(f"LABELWHEEL_DATABASE cannot be used: {error}") from None
        event.listen(self._engine, "before_cursor_execute", _keepable, retval=True)
        if self.sqlite:
            self._prepare_sqlite()
            read: dict[str, Any] = {"labelwheel_begin": "BEGIN"}
            write: dict[str, Any] = {"labelwheel_begin": "BEGIN IMMEDIATE"}
            glance: dict[str, Any] = {"labelwheel_begin": None}
        else:
            read = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            write = {"isolation_level": "READ COMMITTED"}
            glance = {"isolation_level": "AUTOCOMMIT"}
        self._reader = self._engine.execution_options(**read)
        self._writer = self._engine.execution_options(**write)
        self._glancer = self._engine.execution_options(**glance)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Reads one state of the database; what is changed in it is forgotten."""
        with Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Reads with each statement by itself, as a transaction is two more trips: for what every request asks."""
        with self._glancer.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Writes; commits when the block ends, rolls back when it raises."""
        with Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self, keys: Keyring | None = None) -> None:
        """Brings the tables up to date. Two processes that start at once do it one after the other.

        `keys` encrypt what an earlier version kept in plain text; raises InvalidSettings where they are missing then,
        and DatabaseUnusable where the database is away, damaged, somebody else's or of a newer version.
        """
        config = _migrations()
        with explained(self.url), self._writer.begin() as connection:
            if not self.sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            check_tables(connection, ScriptDirectory.from_config(config))
            config.attributes["connection"], config.attributes["keys"] = connection, keys
            command.upgrade(config, "head")

    def check_ready(self) -> None:
        """Raises DatabaseUnusable where `migrate` would, and where it has not been called yet."""
        with explained(self.url), self._reader.connect() as connection:
            check_tables(connection, ScriptDirectory.from_config(_migrations()), ready=True)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Writes as `transaction` does, below the tables' classes: for what has to work on older tables too.

        Raises DatabaseUnusable where `migrate` would.
        """
        with explained(self.url), self._writer.begin() as connection:
            check_tables(connection, ScriptDirectory.from_config(_migrations()))
            yield connection

    def check(self) -> None:
        """Raises SQLAlchemyError where the database does not answer."""
        with self._reader.connect() as connection:
            connection.execute(text("SELECT 1"))

    def dispose(self) -> None:
        """Closes every connection; needed before a fork and at the end."""
        self._engine.dispose()

    def _options(self) -> dict[str, Any]:
        if self.sqlite:
            return {"connect_args": {"timeout": _BUSY_SECONDS, "check_same_thread": False}}
        waiting = {} if "connect_timeout" in self.url.query else {"connect_timeout": _CONNECT_SECONDS}
        return {"pool_pre_ping": True, "pool_size": 10, "max_overflow": 20, "connect_args": waiting}

    def _prepare_sqlite(self) -> None:
        if self.url.database and self.url.database != ":memory:":
            with explained(self.url):
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


def _keepable(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> tuple[str, Any]:
    """Texts as every database can keep them; what lies in JSON is escaped there, and stays as it is."""
    # by their shape: many rows in one statement are one row of parameters
    rows = bool(parameters) and not isinstance(parameters, Mapping) and isinstance(parameters[0], tuple | Mapping)
    return statement, [_plain(each) for each in parameters] if rows else _plain(parameters)


def _plain(parameters: Any) -> Any:
    values = parameters.values() if isinstance(parameters, Mapping) else parameters
    if not any(isinstance(value, str) and _unkept(value) for value in values):
        return parameters
    if isinstance(parameters, Mapping):
        return {name: _replaced(value) for name, value in parameters.items()}
    return tuple(map(_replaced, parameters))


def _unkept(text: str) -> bool:
    return "\0" in text or (not text.isascii() and _UNKEPT.search(text) is not None)


def _replaced(value: Any) -> Any:
    return _UNKEPT.sub("\ufffd", value) if isinstance(value, str) else value


def _configure(connection: sqlite3.Connection, record: object) -> None:
    # the driver would begin by itself, deferred, and deadlock on the way from reading to writing: `_begin` does it
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = NORMAL")
    # a long read lets the log of changes grow; without a limit the file keeps its greatest size for good
    cursor.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _switch_to_wal(cursor)
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    # SQLite does not wait for this lock by itself, and another process may be starting right now
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _begin(connection: Connection) -> None:
    if begin := connection.get_execution_options().get("labelwheel_begin", "BEGIN"):
        connection.exec_driver_sql(begin)

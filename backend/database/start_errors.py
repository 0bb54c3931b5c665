"""What is wrong with a database, told in one line that says what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from labelwheel.backend.database.disk import reason
from labelwheel.backend.database.tables import Base
from labelwheel.backend.errors import DatabaseUnusable

_OURS = re.compile(r"\d{4}")
"""How this program names the versions of its tables."""
_SQLITE = (
    ("not a database", "is no SQLite database, or a damaged one: put a backup in its place, or move it away"),
    ("malformed", "is damaged: put a backup in its place, or move it away"),
    ("disk is full", "lies on a disk that is full: free some space there"),
    ("readonly", "may not be written by this user: change its owner, or that of its folder"),
    ("disk i/o error", "cannot be read or written: look after the disk, and free some space there"),
    ("unable to open", "cannot be opened: look whether its folder is there and may be written by this user"),
    ("locked", "is held by another program: end that one"),
)  # fmt: skip
_POSTGRESQL = (
    ("password authentication failed", "does not accept the password: look at LABELWHEEL_DATABASE"),
    ("no password supplied", "wants a password: give it in LABELWHEEL_DATABASE"),
    ("no pg_hba.conf entry", "does not let this machine in: allow it in its pg_hba.conf"),
    ("too many", "has no connection left: end some, or allow more (max_connections)"),
    ("is starting up", "is just starting: try again in a moment"),
    ("permission denied", "does not let its user make tables: grant CREATE on the schema"),
    ("no space left", "has a full disk: free some space there"),
    ("could not extend file", "has a full disk: free some space there"),
    ("read-only transaction", "is read-only, such as a standby: connect to the primary"),
    ("does not exist", "has no such user or database: create it, or look at LABELWHEEL_DATABASE"),
)


@contextlib.contextmanager
def explained(url: URL) -> Iterator[None]:
    """Raises DatabaseUnusable instead of what the database's driver or the file system says."""
    try:
        yield
    except OSError as error:
        raise DatabaseUnusable(f"the database {place(url)} cannot be used: {reason(error)}") from None
    except SQLAlchemyError as error:
        raise DatabaseUnusable(explain(error, url)) from error


def explain(error: SQLAlchemyError, url: URL) -> str:
    """One line about an error; never a statement, a value or a password."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = " ".join(str(cause).split())
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database and Path(url.database).is_dir():
        return f"the database {place(url)} is a folder: name a file in LABELWHEEL_DATABASE"
    for words, meaning in _SQLITE if sqlite else _POSTGRESQL:
        if words in said.lower():
            return f"the database {place(url)} {meaning}"
    if not sqlite and not getattr(cause, "sqlstate", None):
        return f"the database {place(url)} does not answer: look whether it runs, and is at that address"
    return f"the database {place(url)} cannot be used: {type(cause).__name__}: {said:.200}"


def place(url: URL) -> str:
    """Where a database is, without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database or ":memory:")
    return f"{url.database or ''} at {url.host or 'this machine'}{f':{url.port}' if url.port else ''}".strip()


def check_tables(connection: Connection, script: ScriptDirectory, ready: bool = False) -> None:
    """Raises DatabaseUnusable where the tables are not this program's, or newer; with `ready`, where they are missing.

    A database without any table is fine otherwise: it is about to get them.
    """
    url = connection.engine.url
    known = {each.revision for each in script.walk_revisions()}
    heads = set(MigrationContext.configure(connection).get_current_heads())
    strange = sorted(heads - known)
    if strange and _OURS.fullmatch(strange[0]):
        raise DatabaseUnusable(
            f"the database {place(url)} was written by a newer labelwheel (its tables are at {strange[0]}, this one "
            f"knows them up to {max(known)}): install that version again, or go back to a backup"
        )
    present = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if strange or (not heads and _foreign(present, url)):
        shown = ", ".join(sorted(present)[:3]) or "none"
        raise DatabaseUnusable(
            f"the database {place(url)} belongs to another program (its tables: {shown}): name another in "
            "LABELWHEEL_DATABASE"
        )
    if ready and heads != set(script.get_heads()):
        raise DatabaseUnusable(
            f"the database {place(url)} has not got the tables of this version yet: run `labelwheel serve`, or "
            "`labelwheel worker`, which makes them"
        )


def _foreign(present: set[str], url: URL) -> bool:
    # a server's database may be shared, as long as the names are free; a file is nobody else's
    return bool(present if url.get_backend_name() == "sqlite" else present & set(Base.metadata.tables))

"""A real PostgreSQL for tests: Debian's server, in a folder of its own, on a port of its own, gone afterwards.

    with postgresql.running() as server:
        url = server.create("mine")

The server refuses to run as root; then it runs as the user `postgres`, or `nobody` where there is none.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MISSING = "PostgreSQL's server programs are missing (initdb, pg_ctl): run `make install`, which installs them"


class Server:
    """A server that is up; each test takes a database of its own."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://labelwheel@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template0") -> str:
        """Makes a database, a copy of another one if need be, and returns its URL."""
        self._execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(database)

    def drop(self, database: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        dsn = f"host=127.0.0.1 port={self.port} user=labelwheel dbname=postgres"
        import psycopg  # here: the tests of a GPU run where there is none

        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server for as long as the block lasts; fails the test where its programs are not installed."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="labelwheel-postgresql-"))
    identity = _identity()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    data, port = folder / "data", _free_port()

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs / program), *arguments], check=True, cwd=folder, timeout=120, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}, **identity,
        )  # fmt: skip

    # nothing has to survive this server, and each test has a database of its own that is gone before a vacuum pays
    unsafe = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum", "jit")
    options = f"-p {port} -h 127.0.0.1 -k '' -c max_connections=60 -c wal_level=minimal -c max_wal_senders=0"
    options += "".join(f" -c {name}=off" for name in unsafe)
    try:
        call("initdb", "-D", str(data), "-U", "labelwheel", "-A", "trust", "-E", "UTF8", "--no-sync")
        call("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield Server(port)
        finally:
            call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    other = shutil.which("initdb")
    if not found and not other:
        pytest.fail(MISSING, pytrace=False)
    return found[-1].parent if found else Path(other or "").resolve().parent


def _identity() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.fail("PostgreSQL does not run as root, and there is no user postgres or nobody", pytrace=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

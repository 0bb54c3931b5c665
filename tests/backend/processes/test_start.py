"""What keeps the service from starting is one line that says what to do, whichever process says it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from labelwheel.backend.database.engine import Database
from labelwheel.backend.errors import DatabaseUnusable, InvalidSettings
from labelwheel.backend.processes import home_folder
from labelwheel.backend.settings import Settings, load
from testkit import postgresql
from tests.backend.processes.processes import free_port

ROOT = Path(__file__).parents[3]
COMMANDS = {
    "serve": ["-m", "labelwheel.backend.cli", "serve"],
    "worker": ["-m", "labelwheel.backend.worker"],
    "migrate": ["-m", "labelwheel.backend.cli", "migrate"],
    "gunicorn": ["-m", "gunicorn", "-c", "python:labelwheel.backend.processes.gunicorn_conf"],
}


def settings(folder: Path, database: str | None = None) -> Settings:
    values: dict[str, object] = {"home": folder, "database": database}
    return load(**values)


def newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def corrupt(path: Path) -> None:
    path.write_bytes(b"certainly no database" * 500)


def torn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xff" * 3996
    path.write_bytes(bytes(data))


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE htx_user (id INTEGER)")


def of_another(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '1f2e3d4c5b6a'")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


BROKEN: dict[Callable[[Path], None], str] = {
    newer: "written by a newer labelwheel (its tables are at 9999",
    corrupt: "is no SQLite database, or a damaged one: put a backup in its place",
    torn: "damaged",
    foreign: "belongs to another program (its tables: htx_user)",
    of_another: "belongs to another program",
    folder: "is a folder: name a file in LABELWHEEL_DATABASE",
}


@pytest.fixture
def ready(tmp_path: Path, sqlite_template: Path) -> Path:
    """A home with a database as it should be."""
    (tmp_path / "home").mkdir()
    shutil.copy(sqlite_template, tmp_path / "home" / "labelwheel.db")
    return tmp_path / "home"


@pytest.mark.parametrize("breaking", BROKEN)
def test_a_database_that_cannot_be_used_says_why(ready: Path, breaking: Callable[[Path], None]) -> None:
    home_folder.prepare(settings(ready))
    home_folder.check_ready(settings(ready))
    breaking(ready / "labelwheel.db")
    for step in (home_folder.prepare, home_folder.check_ready):
        with pytest.raises(DatabaseUnusable) as caught:
            step(settings(ready))
        assert BROKEN[breaking] in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_foreign_database_is_left_as_it_is(ready: Path) -> None:
    foreign(ready / "labelwheel.db")
    with pytest.raises(DatabaseUnusable):
        home_folder.prepare(settings(ready))
    with sqlite3.connect(ready / "labelwheel.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("htx_user",)]


def test_a_web_process_alone_needs_tables_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with pytest.raises(DatabaseUnusable, match="run `labelwheel serve`"):
        home_folder.check_ready(settings(tmp_path / "home"))


def test_migrate_makes_the_tables_and_ends(tmp_path: Path) -> None:
    """Whoever starts the others may call it first; a second time it has nothing to do."""
    home = tmp_path / "home"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, *COMMANDS["migrate"]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, "LABELWHEEL_HOME": str(home)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        home_folder.check_ready(settings(home))
        assert not list(home.glob("*.lock")), "it keeps nobody from starting"


def test_a_full_disk_while_the_tables_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path / 'small.db'}")
    # SQLite's own error of a full disk, from a limit of its own
    monkeypatch.setattr("labelwheel.backend.database.engine._BUSY_SECONDS", 30)
    from sqlalchemy import event

    event.listen(database._engine, "connect", lambda connection, _: connection.execute("PRAGMA max_page_count = 3"))
    with pytest.raises(DatabaseUnusable, match="disk that is full: free some space"):
        database.migrate()
    database.dispose()


@pytest.mark.parametrize("where", ["home", "database"])
def test_a_file_in_the_way_of_a_folder(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("in the way")
    given = (
        settings(tmp_path / "file" / "home")
        if where == "home"
        else settings(tmp_path / "home", f"sqlite:///{tmp_path / 'file' / 'labelwheel.db'}")
    )
    with pytest.raises((InvalidSettings, DatabaseUnusable), match=r"cannot be used: (Not a directory|File exists)"):
        home_folder.prepare(given)
    if where == "home":
        with pytest.raises(InvalidSettings, match="cannot be used"), home_folder.held(given, ("web",)):
            pass


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"port": 1}, "does not answer: look whether it runs"),
        ({"password": "wrong-one"}, "does not accept the password"),
        ({"database": "no_such_database"}, "has no such user or database: create it"),
    ],
)
def test_a_postgresql_that_is_away_or_refuses(
    postgresql_server: postgresql.Server, tmp_path: Path, said: dict[str, object], line: str
) -> None:
    url = make_url(postgresql_server.create(f"start{abs(hash(str(said))) % 10**6}"))
    if "password" in said:
        engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            trusting = connection.execute(text("SELECT auth_method FROM pg_hba_file_rules")).scalars().all()
        engine.dispose()
        if set(trusting) <= {"trust"}:
            # this server asks nobody for one: what it would say is what libpq passes on
            from sqlalchemy.exc import OperationalError

            from labelwheel.backend.database.start_errors import explain

            cause = Exception('connection failed: FATAL:  password authentication failed for user "wheel"')
            assert line in explain(OperationalError("", {}, cause), url)
            return
    broken = url.set(**said).render_as_string(hide_password=False)
    for step in (home_folder.prepare, home_folder.check_ready):
        with pytest.raises(DatabaseUnusable) as caught:
            step(settings(tmp_path / "home", broken))
        assert line in str(caught.value)
        assert "wrong-one" not in str(caught.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_process_says_it_in_one_line_and_ends(ready: Path, command: str) -> None:
    corrupt(ready / "labelwheel.db")
    done = subprocess.run(
        [sys.executable, *COMMANDS[command]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "LABELWHEEL_HOME": str(ready), "LABELWHEEL_PORT": str(free_port()), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if "labelwheel" in line.lower() and "[INFO]" not in line]
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(lines) == 1, done.stderr
    assert "is no SQLite database" in lines[0]


FULL = """
import sys
from pathlib import Path
from labelwheel.backend.processes import home_folder
from labelwheel.backend.database.engine import Database
from labelwheel.backend.errors import DatabaseUnusable, InvalidSettings
from labelwheel.backend.views.status import status
from labelwheel.backend.settings import load
folder = Path(sys.argv[1])
settings = load(home=folder / "home")
home_folder.prepare(settings)
database = Database(settings.database_url)
with database.session() as session:  # as a web process that was there before
    status(session, settings)
with (folder / "ballast").open("wb", buffering=0) as file:
    try:
        while file.write(b"x" * 65536):
            pass
    except OSError:
        pass
try:
    home_folder.prepare(settings)
except (DatabaseUnusable, InvalidSettings) as error:
    print("prepare:", error)
with database.session() as session:
    print("worker:", status(session, settings)["worker"]["problem"])
"""


def test_a_full_disk_is_told_at_start_and_in_the_status(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "full.py").write_text(FULL)
    disk = f"{tmp_path}/disk"
    script = f"mount -t tmpfs -o size=8m labelwheel-test {disk} && {sys.executable} {tmp_path}/full.py {disk}"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert "the disk is full, free some space there" in said["prepare"]
    assert "the disk is full, free some space there" in said["worker"]

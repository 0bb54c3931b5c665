"""What the tests of the backend share: a migrated database of each kind, settings, and the fake labelling tool."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:  # helpers are imported as tests.…, also where pytest is called by its own name
    sys.path.insert(0, str(ROOT))

from labelwheel.backend.database import keyring  # noqa: E402
from labelwheel.backend.database.engine import Database  # noqa: E402
from labelwheel.backend.projects import connectors  # noqa: E402
from labelwheel.backend.settings import Settings, load  # noqa: E402
from testkit import postgresql  # noqa: E402
from tests.backend.world import World  # noqa: E402

_numbers = itertools.count()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Which error is raised is no matter of the database: PostgreSQL sees one at each place, SQLite all of them."""
    seen, left = set(), []
    for item in items:
        if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
            continue
        params = item.callspec.params
        if params.get("database_url") == "postgresql" and "error" in params:
            others = sorted((name, repr(value)) for name, value in params.items() if name != "error")
            place = (item.path, item.originalname, *others)
            left += [item] if place in seen else []
            seen.add(place)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    with postgresql.running() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: postgresql.Server) -> str:
    database = Database(postgresql_server.create("migrated"))
    database.migrate()
    database.dispose()
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of one's own: once in SQLite, once in PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "test.db")
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    server, template = (request.getfixturevalue(f"postgresql_{name}") for name in ("server", "template"))
    name = f"test{next(_numbers)}"
    yield server.create(name, template)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings that wait for nothing."""
    values: dict[str, Any] = {
        "home": tmp_path / "home",
        "database": database_url,
        "quiet_seconds": 0.0,
        "retire_minutes": 0.0,
        "poll_seconds": 1e-6,
        "first_round": 4,
    }
    settings = load(**values)
    keyring.make(settings)
    return settings


@pytest.fixture
def fake_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The labelling tool in memory is installed."""
    entry = EntryPoint(name="fake", value="labelwheel.plugins.testing.fake_tool:FakeConnector", group=connectors.GROUP)
    monkeypatch.setattr(connectors, "_installed", lambda: {"fake": entry})


@pytest.fixture
def plain_tools(fake_tools: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The labelling tool in memory can do nothing but what every tool can."""
    entry = EntryPoint(name="fake", value="labelwheel.plugins.testing.fake_tool:PlainConnector", group=connectors.GROUP)
    monkeypatch.setattr(connectors, "_installed", lambda: {"fake": entry})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that waits for nothing."""
    for place in (
        "worker.project_loop._JUDGE_SECONDS",
        "suggestions.backfill._PAUSE_SECONDS",
        "worker.intake_loop._CONFIG_SECONDS",
    ):
        monkeypatch.setattr(f"labelwheel.backend.{place}", 0.0)
    monkeypatch.setattr("labelwheel.backend.trouble.random.uniform", lambda *_: 0.0)


@pytest.fixture
def world(database: Database, settings: Settings, fake_tools: None, impatient: None) -> World:
    """A whole labelwheel in one thread, that waits for nothing."""
    return World(database, settings)

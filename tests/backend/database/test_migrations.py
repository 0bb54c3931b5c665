"""Databases of earlier versions: what was in them is still there, and in its new shape."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from labelwheel.backend.database import engine as database_module
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.tables import Project, Round
from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.views import inspected
from testkit import postgresql
from tests.backend.ledger.helpers import KEYS


def upgrade(connection: Connection, revision: str, **attributes: object) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).parent / "migrations"))
    config.attributes.update(attributes, connection=connection)
    command.upgrade(config, revision)


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """As the first version left it: a connected project, one that was given up, and a running round."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'old.db'}"
    else:
        server: postgresql.Server = request.getfixturevalue("postgresql_server")
        url = server.create(f"old-{abs(hash(request.node.name)) % 10**9}")
    database = Database(url)
    with database.connection() as connection:
        upgrade(connection, "0001")
        for number, state in ((1, "connected"), (2, "disconnected")):
            connection.execute(
                text(
                    "INSERT INTO projects (id, tool, url, external_id, api_key, service_url, title, source, options, "
                    "unlearnt, state, step, sweep_number, created_at) VALUES (:id, 'fake', 'http://t', :place, "
                    "'hunter2', 'http://us', '', '', :options, '[]', :state, '', 0, :now)"
                ),
                {"id": number, "place": str(number), "state": state, "now": datetime.now(UTC),
                 "options": '{"secret": "signs", "backend": 3}'},
            )  # fmt: skip
        connection.execute(
            text(
                "INSERT INTO questions (id, project_id, name, spec, active, pinned, counted_from) "
                "VALUES (1, 1, 'mood', '{}', :yes, :no, 0)"
            ),
            {"yes": True, "no": False},
        )
        connection.execute(
            text(
                'INSERT INTO rounds (id, project_id, question_id, "trigger", recipe, state, version, last_event_id, '
                "label_count, launcher, progress_token, progress, metrics, digest, attempts, fence, created_at) VALUES "
                "(1, 1, 1, 'labels', 'auto', 'running', 'v', 0, 0, 'local', 'round-token', 0, '{}', '', 1, 1, :now)"
            ),
            {"now": datetime.now(UTC)},
        )
    return database


def test_secrets_are_encrypted_and_tools_that_have_the_services_token_are_rewired(old: Database) -> None:
    old.migrate(KEYS)
    with old.session() as session:
        connected, given_up = session.get_one(Project, 1), session.get_one(Project, 2)
        for found in (connected, given_up):
            assert "hunter2" not in found.api_key
            assert KEYS.open(found.api_key) == "hunter2"
            options = KEYS.open_options(found.options)
            assert (options["secret"].get_secret_value(), options["backend"]) == ("signs", 3)
        assert connected.rewiring is not None
        assert "the service's own token" in connected.rewiring["reason"]
        assert given_up.rewiring is None
        assert session.get_one(Round, 1).progress_token == hashlib.sha256(b"round-token").hexdigest()
    old.dispose()


def test_without_a_key_nothing_is_changed_and_one_line_says_so(old: Database) -> None:
    with pytest.raises(InvalidSettings, match="no key to do it with"):
        old.migrate()
    old.migrate(KEYS)
    old.dispose()


def test_what_inspections_have_found_gets_rows_of_its_own(old: Database) -> None:
    with old.connection() as connection:
        upgrade(connection, "0013", keys=KEYS)
        connection.execute(
            text(
                "INSERT INTO checkpoints (id, question_id, version, folder, recipe, label_count, last_event_id, "
                "metric, kind, digest, removed, created_at) VALUES (1, 1, 'v', 'v', '', 0, 0, '', '', '', :no, :now)"
            ),
            {"now": datetime.now(UTC), "no": False},
        )
        parts = {"weak": {"place": 2, "found": {"slices": []}, "text": "## Weak", "seconds": 1.5}}
        failed = {"fairness": {"place": 1, "problem": "no names"}}
        connection.execute(
            text(
                "INSERT INTO inspections (id, question_id, checkpoint_id, version, state, parts, label_count, "
                "last_event_id, attempts, started_at) VALUES (1, 1, 1, 'v', 'done', :parts, 0, 0, 0, :now)"
            ),
            {"parts": json.dumps(parts | failed), "now": datetime.now(UTC)},
        )
    old.migrate(KEYS)
    with old.session() as session:
        found = inspected.of_version(session, "v")
        assert found is not None
        assert found["sections"] == {
            "fairness": {"problem": "no names"},
            "weak": {"found": {"slices": []}, "seconds": 1.5},
        }
        assert inspected.markdown(session, "v") == "## Weak"
    old.dispose()

"""Other people's secrets in the database: encrypted, with a key outside of it; and files that nobody else reads."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from labelwheel.backend.cli import app
from labelwheel.backend.database import keyring, sealing
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.keyring import Keyring, WrongKey
from labelwheel.backend.database.tables import Project
from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.processes import home_folder
from labelwheel.backend.projects import connectors, projects
from labelwheel.backend.settings import Settings, load

OLD, NEW = "an-old-key-of-thirty-two-characters-or-more", "a-new-key-of-thirty-two-characters-or-more"


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(home=tmp_path / "home", database=database_url)


def rows(database: Database) -> str:
    with database.session() as session:
        return repr(session.execute(text("SELECT * FROM projects")).all())


def register(database: Database, settings: Settings, external_id: str = "1") -> Project:
    with database.transaction() as tx:
        found = projects.register(tx, settings, "fake", "http://tool.test", external_id, "hunter2-hunter2", "http://us")
        found.options = keyring.load(settings).seal_options({"secret": SecretStr("signs-webhooks"), "ordered": True})
        return found


def plain(database: Database) -> None:
    """As an earlier version wrote it."""
    options = json.dumps({"secret": "signs-webhooks", "ordered": True})
    with database.transaction() as tx:
        tx.execute(text("UPDATE projects SET api_key = 'hunter2-hunter2', options = :options"), {"options": options})


def test_no_key_of_a_tool_is_in_the_database(database: Database, settings: Settings, fake_tools: None) -> None:
    home_folder.prepare(settings)
    found = register(database, settings)
    for secret in ("hunter2", "signs-webhooks"):
        assert secret not in rows(database)
    assert keyring.load(settings).open(found.api_key) == "hunter2-hunter2"
    assert keyring.load(settings).open_options(found.options)["secret"] == SecretStr("signs-webhooks")
    connectors.connect(found, keyring.load(settings))


def test_what_an_earlier_version_wrote_is_encrypted_at_the_start(
    database: Database, settings: Settings, fake_tools: None
) -> None:
    home_folder.prepare(settings)
    register(database, settings)
    plain(database)
    assert "hunter2" in rows(database)
    home_folder.prepare(settings)
    for secret in ("hunter2", "signs-webhooks"):
        assert secret not in rows(database)
    with database.session() as session:
        found = projects.get(session, 1)
    assert keyring.load(settings).open(found.api_key) == "hunter2-hunter2"
    assert keyring.load(settings).open_options(found.options) == {
        "secret": SecretStr("signs-webhooks"),
        "ordered": True,
    }


def test_plain_keys_and_no_key_are_one_line(database: Database, settings: Settings, fake_tools: None) -> None:
    home_folder.prepare(settings)
    register(database, settings)
    plain(database)
    with database.connection() as connection, pytest.raises(InvalidSettings, match="no key to do it with"):
        sealing.seal(connection, None)


def test_a_missing_key_is_one_line_and_no_other_is_made(
    database: Database, settings: Settings, fake_tools: None
) -> None:
    home_folder.prepare(settings)
    register(database, settings)
    path = keyring.path_of(settings)
    kept = path.read_text()
    path.unlink()
    with pytest.raises(InvalidSettings, match=r"is missing: bring .*secret.key back") as raised:
        home_folder.prepare(settings)
    assert "\n" not in str(raised.value)
    assert not path.exists(), "another key would hide that this one is lost"
    path.write_text(kept)
    home_folder.prepare(settings)


def test_a_wrong_key_is_one_line_that_says_what_to_do(database: Database, settings: Settings, fake_tools: None) -> None:
    old = settings.model_copy(update={"secret_key": SecretStr(OLD)})
    home_folder.prepare(old)
    register(database, old)
    with pytest.raises(WrongKey, match=r"another key than the present one.*labelwheel new-key") as raised:
        home_folder.prepare(settings.model_copy(update={"secret_key": SecretStr(NEW)}))
    assert "\n" not in str(raised.value)
    assert OLD not in str(raised.value)


def test_a_key_is_changed_by_putting_the_new_one_first(
    database: Database, settings: Settings, fake_tools: None
) -> None:
    old = settings.model_copy(update={"secret_key": SecretStr(OLD)})
    home_folder.prepare(old)
    register(database, old)
    home_folder.prepare(settings.model_copy(update={"secret_key": SecretStr(f"{NEW}, {OLD}")}))
    alone = settings.model_copy(update={"secret_key": SecretStr(NEW)})
    home_folder.prepare(alone)
    with database.session() as session:
        found = projects.get(session, 1)
    assert keyring.load(alone).open(found.api_key) == "hunter2-hunter2"
    assert keyring.load(alone).open_options(found.options)["secret"] == SecretStr("signs-webhooks")


def test_where_the_key_is_lost_projects_are_connected_again(
    database: Database, settings: Settings, fake_tools: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_folder.prepare(settings)
    register(database, settings)
    keyring.path_of(settings).unlink()
    monkeypatch.setenv("LABELWHEEL_DATABASE", settings.database_url)
    done = CliRunner().invoke(app, ["new-key", "--home", str(settings.home)])
    assert done.exit_code == 0, done.output
    assert "connect these projects again, once the service runs: 1" in done.output
    home_folder.prepare(settings)
    with database.session() as session:
        found = projects.get(session, 1)
    assert (found.state, found.problem, found.options) == ("failed", sealing.LOST, {"ordered": True})
    register(database, settings)
    assert keyring.load(settings).open(projects.get(database.session().__enter__(), 1).api_key) == "hunter2-hunter2"
    done = CliRunner().invoke(app, ["new-key", "--home", str(settings.home)])
    assert "it opens all that there is" in done.output


def test_the_key_and_the_locks_are_for_their_owner_alone(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "worker.lock").touch(0o644)
    with home_folder.held(settings, ("web", "worker")):
        home_folder.prepare(settings)
        for name in ("web.lock", "worker.lock", keyring.FILE):
            assert stat.S_IMODE((settings.home / name).stat().st_mode) == 0o600, name
    assert [path.name for path in settings.home.glob(f".{keyring.FILE}*")] == []


def test_the_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    home_folder.prepare(settings)
    assert stat.S_IMODE((settings.home / "labelwheel.db").stat().st_mode) == 0o600


def test_two_that_start_at_once_agree_on_a_key(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keyring.make(settings)
    monkeypatch.setattr(keyring, "find", lambda _: monkeypatch.undo())  # as the slower one saw it: none there yet
    assert keyring.make(settings).open(first.seal("x")) == "x"


@pytest.mark.parametrize("key", ["short", f"{NEW},short", f"{NEW},", ","])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(InvalidSettings, match=r"LABELWHEEL_SECRET_KEY: .*32 random characters"):
        load(secret_key=key)


def test_what_is_empty_is_not_set() -> None:
    """A compose file hands on an empty text for what nobody set."""
    found = load(secret_key="", read_token="", token="")
    assert (found.secret_key, found.read_token, found.token) == (None, None, None)


def test_no_two_seals_are_alike_and_none_can_be_bent() -> None:
    keys = Keyring([OLD])
    sealed = keys.seal("hunter2")
    assert sealed != keys.seal("hunter2")
    for bent in (sealed[:-2], sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:], "hunter2", ""):
        with pytest.raises(WrongKey):
            keys.open(bent)

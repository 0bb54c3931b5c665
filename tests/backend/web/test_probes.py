"""What a kubelet, or a load balancer, is told without credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from labelwheel.backend.app import create_app
from labelwheel.backend.database.engine import Database
from labelwheel.backend.settings import Settings
from tests.backend.serving.fakes import FakeEngine


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    settings = Settings(home=tmp_path, token="a-token-of-sixteen")
    Database(settings.database_url).migrate()
    app = create_app(settings, FakeEngine(), start=False)
    yield app
    app.extensions["labelwheel"].queue.close()


def test_live_is_that_it_answers(app: Flask) -> None:
    answer = app.test_client().get("/live", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert (answer.status_code, answer.json) == (200, {"status": "live"})


def test_ready_is_that_it_serves(app: Flask) -> None:
    client = app.test_client()
    early = client.get("/ready")
    assert (early.status_code, early.json["error"]["type"]) == (503, "Overloaded")
    app.extensions["labelwheel"].served_models.follow()
    assert (client.get("/ready").status_code, client.get("/ready").json) == (200, {"status": "ready"})


@pytest.mark.parametrize("path", ["/live", "/ready"])
def test_no_connection_is_kept_for_a_stranger(app: Flask, path: str) -> None:
    assert app.test_client().get(path).headers["Connection"] == "close"


@pytest.mark.parametrize("path", ["/live", "/ready"])
def test_neither_asks_the_database(app: Flask, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = app.extensions["labelwheel"]
    service.served_models.follow()
    monkeypatch.setattr(service, "database", None)
    monkeypatch.setattr(Database, "session", lambda self: pytest.fail("it asked the database"))
    monkeypatch.setattr(Database, "transaction", lambda self: pytest.fail("it wrote to the database"))
    assert app.test_client().get(path).status_code == 200

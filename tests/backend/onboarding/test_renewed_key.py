"""A project that works keeps its key until the labelling tool has accepted another one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from labelwheel.backend.app import create_app
from labelwheel.backend.database import keyring
from labelwheel.backend.database.tables import Project, ProjectState
from labelwheel.plugins.errors import ToolRefused, ToolUnreachable
from tests.backend.serving.fakes import FakeEngine
from tests.backend.world import World


@pytest.fixture
def client(world: World) -> Iterator[FlaskClient]:
    world.tool.add("one text", "another text")
    world.connect("the good key")
    world.settle()
    world.tool.calls.clear()
    app = create_app(world.settings, FakeEngine(), start=False)
    yield app.test_client()
    app.extensions["labelwheel"].queue.close()


def given(world: World, client: FlaskClient, key: str) -> tuple[int, str]:
    """Status and message of a connect with this key."""
    body = {"tool": "fake", "url": world.url, "project": "1", "api_key": key}
    answer = client.post("/api/v1/projects", json=body)
    return answer.status_code, answer.json.get("error", {}).get("message", "")


def kept(world: World) -> tuple[str, str]:
    return world.project.state, keyring.load(world.settings).open(world.project.api_key)


@pytest.mark.parametrize(("error", "status"), [(ToolRefused("no such token"), 403), (ToolUnreachable("away"), 504)])
def test_a_key_that_the_tool_does_not_take_costs_nothing(
    world: World, client: FlaskClient, error: Exception, status: int
) -> None:
    world.tool.failing["config"] = error
    assert given(world, client, "mistyped") == (status, f"{error}; project 1 goes on with the key that it has")
    assert kept(world) == ("connected", "the good key")
    del world.tool.failing["config"]
    world.turns(5)
    assert kept(world) == ("connected", "the good key")


def test_a_key_that_the_tool_takes_is_kept(world: World, client: FlaskClient) -> None:
    assert given(world, client, "the next key")[0] == 202
    assert kept(world) == ("connecting", "the next key")
    world.settle()
    assert kept(world) == ("connected", "the next key")


def test_nobody_is_asked_about_the_key_that_is_known(world: World, client: FlaskClient) -> None:
    world.tool.failing["config"] = ToolUnreachable("away")
    assert given(world, client, "the good key")[0] == 202
    assert world.tool.calls == []


def test_what_does_not_work_takes_any_key(world: World, client: FlaskClient) -> None:
    with world.database.transaction() as tx:
        tx.execute(update(Project).values(state=ProjectState.FAILED))
    world.tool.failing["config"] = ToolRefused("no such token")
    assert given(world, client, "perhaps this one")[0] == 202
    assert kept(world) == ("connecting", "perhaps this one")


def test_a_key_that_nobody_can_read_any_more_is_replaced(world: World, client: FlaskClient) -> None:
    with world.database.transaction() as tx:
        tx.execute(update(Project).values(api_key="of another keyring"))
    world.tool.failing["config"] = ToolUnreachable("away")
    assert given(world, client, "the next key")[0] == 202
    assert kept(world) == ("connecting", "the next key")

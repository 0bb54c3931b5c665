"""What the worker puts into a labelling tool, and how it takes it back."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from labelwheel.backend.app import create_app
from labelwheel.backend.database.tables import AuditLine, Decision, Project, ToolSecret
from labelwheel.backend.projects import tool_secrets, wiring_wishes
from labelwheel.plugins.connector import Purpose
from labelwheel.plugins.errors import ToolError, ToolUnreachable
from tests.backend.serving.fakes import FakeEngine
from tests.backend.world import Killed, World

ADMIN = "the-admins-own-token"


@pytest.fixture
def world(world: World) -> World:
    world.settings = world.settings.model_copy(update={"token": SecretStr(ADMIN)})
    world.start()
    return world


def connected(world: World) -> None:
    world.connect()
    world.until(lambda: world.project.state == "connected")


def held(world: World) -> tuple[str, str]:
    """What stands in the tool."""
    assert world.tool.service is not None
    return tuple(
        each.get_secret_value() for each in (world.tool.service.predict_secret, world.tool.service.webhook_secret)
    )  # type: ignore[return-value]


def good(world: World, *secrets: str) -> list[Purpose | None]:
    with world.database.session() as session:
        found = [tool_secrets.find(session, secret) for secret in secrets]
    return [None if each is None else each.purpose for each in found]


def kept(world: World) -> int:
    with world.database.session() as session:
        return len(session.scalars(select(ToolSecret)).all())


def rotate(world: World) -> None:
    with world.database.transaction() as tx:
        wiring_wishes.ask(tx, 1, "new secrets were asked for", "the admin at 127.0.0.1")


def test_the_services_own_token_never_leaves(world: World) -> None:
    connected(world)
    assert world.tool.service is not None
    told = json.dumps([world.tool.service.url, *held(world)])
    assert ADMIN not in told
    assert good(world, *held(world)) == [Purpose.PREDICT, Purpose.WEBHOOK]
    client = create_app(world.settings, FakeEngine(), start=False).test_client()
    for secret in held(world):
        headers = {"Authorization": f"Bearer {secret}"}
        assert client.delete("/api/v1/projects/1", headers=headers).status_code == 403
        assert client.post("/api/v1/projects", json={}, headers=headers).status_code == 403
        assert client.get("/api/v1/status", headers=headers).status_code == 403


def test_rotating_gives_the_tool_new_secrets_and_ends_the_old(world: World) -> None:
    connected(world)
    old, wired = held(world), world.tool.calls.count("wire")
    rotate(world)
    world.until(lambda: world.project.rewiring is None)
    assert world.tool.calls.count("wire") == wired + 1
    assert world.tool.service is not None
    assert world.tool.service.renew
    assert not set(old) & set(held(world))
    assert good(world, *old) == [None, None]
    assert good(world, *held(world)) == [Purpose.PREDICT, Purpose.WEBHOOK]
    assert kept(world) == 2
    assert ("secrets renewed", "new secrets were asked for (the admin at 127.0.0.1)") in [
        (kind, reason.partition(";")[0]) for _, kind, reason in world.decisions
    ]
    with world.database.session() as session:
        lines = [line.action for line in session.scalars(select(AuditLine)) if line.role == "worker"]
    assert lines == ["put new secrets into fake; the old ones ended"] * 2


def test_a_connection_of_an_earlier_version_gets_secrets_at_the_next_start(world: World) -> None:
    connected(world)
    with world.database.transaction() as tx:  # as the migration leaves it
        tool_secrets.end(tx, 1)
        tx.get_one(Project, 1).rewiring = wiring_wishes.wish("an earlier version", "the update", renew=False)
    old = held(world)
    world.start()
    world.until(lambda: world.project.rewiring is None)
    assert not set(old) & set(held(world))
    assert good(world, *held(world)) == [Purpose.PREDICT, Purpose.WEBHOOK]
    assert any("change LABELWHEEL_TOKEN" in reason for _, kind, reason in world.decisions if kind == "secrets renewed")
    world.settle()


def test_a_tool_that_is_away_gets_them_when_it_is_back_and_keeps_the_old_ones_till_then(world: World) -> None:
    connected(world)
    old = held(world)
    world.tool.failing["wire"] = ToolUnreachable("away")
    rotate(world)
    world.turns(20)
    assert good(world, *old) == [Purpose.PREDICT, Purpose.WEBHOOK]
    assert kept(world) == 4
    del world.tool.failing["wire"]
    world.until(lambda: world.project.rewiring is None)
    assert (good(world, *old), kept(world)) == ([None, None], 2)
    assert good(world, *held(world)) == [Purpose.PREDICT, Purpose.WEBHOOK]


def test_a_tool_that_refuses_them_stops_nothing_else(world: World) -> None:
    connected(world)
    old = held(world)
    world.tool.failing["wire"] = ToolError("another backend is first")
    rotate(world)
    key = world.tool.add("a new text")[0]
    world.tool.submit(key, {"topic": "sport"})
    world.settle()
    assert (world.project.rewiring or {}).get("trouble") == "another backend is first"
    assert world.project.problem is None
    assert good(world, *old) == [Purpose.PREDICT, Purpose.WEBHOOK]
    assert [kind for _, kind, _ in world.decisions].count("secrets not renewed") == 1


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_a_kill_in_between_leaves_the_tool_with_what_is_good(world: World, count: int, committed: bool) -> None:
    connected(world)
    rotate(world)
    world.kill_at(count, committed)
    with pytest.raises(Killed):
        world.turns(5)
    assert good(world, *held(world)) == [Purpose.PREDICT, Purpose.WEBHOOK]
    world.start()
    world.until(lambda: world.project.rewiring is None)
    assert good(world, *held(world)) == [Purpose.PREDICT, Purpose.WEBHOOK]
    assert kept(world) == 2


def test_tries_do_not_pile_up(world: World) -> None:
    connected(world)
    world.tool.failing["wire"] = ToolUnreachable("away")
    rotate(world)
    for _ in range(30):
        world.start()
        world.turns(2)
    assert kept(world) <= 2 + 2 * 16


def test_disconnecting_and_failing_end_them(world: World) -> None:
    connected(world)
    with world.database.transaction() as tx:
        from labelwheel.backend.projects import projects

        projects.disconnect(tx, 1)
    world.until(lambda: world.project.state == "disconnected")
    assert kept(world) == 0
    world.tool.failing["wire"] = ToolError("no")
    world.connect()
    world.until(lambda: world.project.state == "failed")
    assert kept(world) == 0
    del world.tool.failing["wire"]
    world.connect()
    world.until(lambda: world.project.state == "connected")
    assert good(world, *held(world)) == [Purpose.PREDICT, Purpose.WEBHOOK]


def test_no_log_or_row_has_a_secret(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        connected(world)
        rotate(world)
        world.until(lambda: world.project.rewiring is None)
    with world.database.session() as session:
        rows = [
            str(vars(row))
            for kind in (Project, Decision, AuditLine, ToolSecret)
            for row in session.scalars(select(kind))
        ]
    text = caplog.text + " ".join(rows)
    for secret in (ADMIN, *held(world), tool_secrets.PREFIX):
        assert secret not in text

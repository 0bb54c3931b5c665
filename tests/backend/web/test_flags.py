"""Answers that were given elsewhere go into the labelling tool, each for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from labelwheel.backend.app import create_app
from labelwheel.backend.database.tables import Project, ProjectState
from labelwheel.backend.projects import connectors
from labelwheel.backend.settings import Settings
from labelwheel.plugins.connector import Connection
from labelwheel.plugins.errors import ToolError, ToolUnreachable
from labelwheel.plugins.testing.fake_tool import FakeConnector, PlainConnector, Tool
from tests.backend.serving.fakes import LABELS, FakeEngine
from tests.backend.stage import Stage

URL = "/api/v1/projects/1/questions/mood/flags"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    tool = Tool()
    monkeypatch.setattr(FakeConnector, "tools", {"http://fake": tool})
    connection = Connection(tool="fake", url="http://fake", api_key="k", project="1")
    monkeypatch.setattr(connectors, "connect", lambda project, keys: FakeConnector(connection))
    return tool


@pytest.fixture
def client(tmp_path: Any, tool: Tool) -> Iterator[FlaskClient]:
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood")
    app = create_app(stage.settings, FakeEngine(), start=False)
    app.extensions["stage"] = stage
    yield app.test_client()
    app.extensions["labelwheel"].queue.close()
    app.extensions["labelwheel"].database.dispose()
    stage.database.dispose()


def flag(name: str, text: str = "a text", answer: Any = LABELS[0]) -> dict[str, Any]:
    return {"id": name, "texts": [text], "answer": answer}


def test_each_is_added_once_and_one_that_does_not_fit_costs_no_other(client: FlaskClient, tool: Tool) -> None:
    flags = [flag("f1"), flag("f2", answer="no option"), flag("f3", text=" "), {**flag("f4"), "texts": []}, flag("f5")]
    for _ in range(2):
        said = client.post(URL, json={"flags": flags}).json
        assert said["added"] == ["f1", "f5"]
        assert [one["id"] for one in said["refused"]] == ["f2", "f3", "f4"]
        assert "'no option'" in said["refused"][0]["reason"]
    assert [one.fields for one in tool.examples.values()] == [{"text": "a text"}] * 2
    assert [work.answers for work in tool.work.values()] == [{"mood": LABELS[0]}] * 2


def test_what_the_tool_refuses_costs_no_other_but_one_that_is_away_all(client: FlaskClient, tool: Tool) -> None:
    tool.failing["add"] = ToolError("no such thing")
    assert client.post(URL, json={"flags": [flag("f1")]}).json["refused"] == [{"id": "f1", "reason": "no such thing"}]
    tool.failing["add"] = ToolUnreachable("it is away")
    assert client.post(URL, json={"flags": [flag("f1")]}).status_code == 504


def test_only_where_something_can_be_added(client: FlaskClient, tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.post(URL.replace("mood", "none"), json={"flags": []}).status_code == 404
    assert client.post(URL, json={"flags": [flag("a name with a / in it")]}).status_code == 400
    assert client.post(URL, json={"flags": [flag(f"f{number}") for number in range(101)]}).status_code == 400
    with client.application.extensions["stage"].database.transaction() as tx:
        tx.get(Project, 1).state = ProjectState.DISCONNECTED
    answer = client.post(URL, json={"flags": [flag("f1")]})
    assert (answer.status_code, "not connected" in answer.text) == (409, True)
    with client.application.extensions["stage"].database.transaction() as tx:
        tx.get(Project, 1).state = ProjectState.CONNECTED
    plain = PlainConnector(Connection(tool="fake", url="http://fake", api_key="k", project="1"))
    monkeypatch.setattr(connectors, "connect", lambda project, keys: plain)
    answer = client.post(URL, json={"flags": [flag("f1")]})
    assert (answer.status_code, "label these texts there" in answer.text) == (409, True)
    assert not tool.examples

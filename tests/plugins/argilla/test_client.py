"""The client against a small HTTP server that misbehaves as told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, jsonify, redirect, request
from pydantic import SecretStr
from werkzeug import Response

from labelwheel.plugins import http
from labelwheel.plugins.argilla.client import Client, Missing, Rejected
from labelwheel.plugins.errors import InvalidAddress, ToolError, ToolRefused, ToolUnreachable
from testkit.wsgi_server import serving
from tests.plugins.web_servers import listening, said


class Tool:
    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.seen: list[tuple[str, str, str]] = []
        app = Flask(__name__)

        @app.get("/api/v1/version")
        def version() -> Any:
            return jsonify({"version": "2.8.0"})

        @app.route("/<path:path>", methods=["GET", "POST"])
        def anything(path: str) -> Any:
            self.seen.append((request.method, path, request.headers.get("X-Argilla-Api-Key", "")))
            answer = self.answers.pop(0) if self.answers else ({"fine": True}, 200)
            if isinstance(answer, Response | str):
                return answer
            return jsonify(answer[0]), answer[1]

        self.app, self.url = app, ""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tool]:
    monkeypatch.setattr(http.time, "sleep", lambda seconds: None)
    tool = Tool()
    with serving(tool.app) as tool.url:
        yield tool


@pytest.fixture
def client(tool: Tool) -> Client:
    return Client(tool.url + "/", SecretStr(" secret-key\n"))


def test_reading_is_tried_again_and_writing_is_not(tool: Tool, client: Client) -> None:
    tool.answers = [({}, 503), ({}, 500)]
    assert client.get("/me") == {"fine": True}
    assert tool.seen == [("GET", "api/v1/me", "secret-key")] * 3
    tool.answers = [({}, 503)]
    with pytest.raises(ToolError, match="503"):
        client.send("POST", "/webhooks", {})
    assert len(tool.seen) == 4


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (({"detail": {"code": "x", "params": {"detail": "Could not validate credentials"}}}, 401), ToolRefused, "key"),
        (({"detail": {"code": "x", "params": {"detail": "Operation not permitted"}}}, 403), ToolRefused, "permitted"),
        (({"detail": "Dataset with id `1` not found"}, 404), Missing, "not found"),
        (({"detail": {"code": "x", "params": {"errors": [{"msg": "no url"}]}}}, 422), Rejected, "no url"),
        (({"detail": "fields cannot be empty"}, 422), Rejected, "cannot be empty"),
        ((["hunter2"], 422), Rejected, "Unprocessable"),
        (({"secret": "hunter2"}, 403), ToolRefused, "Forbidden"),
        ("<html>", ToolError, "not JSON"),
        (redirect("https://elsewhere/"), ToolError, "https://elsewhere/"),
    ],
)
def test_refusals_say_what_argilla_said(
    tool: Tool, client: Client, answer: Any, error: type[ToolError], said: str
) -> None:
    tool.answers = [answer]
    with pytest.raises(error, match=said) as raised:
        client.send("POST", "/things", {})
    assert "secret-key" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_server_that_is_away_is_unreachable() -> None:
    with pytest.raises(ToolUnreachable, match="cannot be reached"):
        Client("http://127.0.0.1:9", SecretStr("key"), attempts=1).get("/me")
    with pytest.raises(ToolRefused, match="characters"):
        Client("http://127.0.0.1:9", SecretStr("schlüssel →"), attempts=1).get("/me")
    with pytest.raises(InvalidAddress):
        Client("nonsense", SecretStr("key"), attempts=1)


def test_another_server_at_that_address_is_called_that() -> None:
    for status in (404, 403, 401):

        def refuses(handler: Any, status: int = status) -> None:
            said(404 if handler.path == "/api/v1/version" else status, b'{"detail": "hunter2"}')(handler)

        with listening(refuses) as other, pytest.raises(ToolError, match="is not Argilla's address") as caught:
            Client(other.url, SecretStr("key")).get("/me")
        assert "hunter2" not in str(caught.value)

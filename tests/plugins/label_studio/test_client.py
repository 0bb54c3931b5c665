"""The client against a small HTTP server that misbehaves as told."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, jsonify, redirect, request
from pydantic import SecretStr
from werkzeug import Response

from labelwheel.plugins import http
from labelwheel.plugins.errors import AddressRefused, InvalidAddress, ToolError, ToolRefused, ToolUnreachable
from labelwheel.plugins.label_studio.client import Client
from testkit.wsgi_server import serving
from tests.plugins.web_servers import listening, said


def jwt(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.signature"


PAT = jwt(token_type="refresh", exp=9e9, iat=1)


def error(status: int, detail: str, **more: Any) -> tuple[dict[str, Any], int]:
    """What Label Studio's own handler makes of an exception."""
    return {
        "id": "6c3e",
        "status_code": status,
        "version": "1.23.0",
        "detail": detail,
        "exc_info": None,
        **more,
    }, status


class Tool:
    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.seen: list[tuple[str, str, str]] = []
        self.refreshed = 0
        self.valid = "access-1"
        app = Flask(__name__)

        @app.post("/api/token/refresh/")
        def refresh() -> Any:
            if request.get_json()["refresh"] != PAT:
                return jsonify({"detail": "Token is invalid"}), 401
            self.refreshed += 1
            return jsonify({"access": jwt(n=self.refreshed, exp=400, iat=100)})

        @app.get("/api/version/")
        def version() -> Any:
            return jsonify({"release": "1.23.0"})

        @app.route("/<path:path>", methods=["GET", "POST"])
        def anything(path: str) -> Any:
            self.seen.append((request.method, path, request.headers.get("Authorization", "")))
            answer = self.answers.pop(0) if self.answers else ({"fine": True}, 200)
            if isinstance(answer, Response | str):
                return answer
            return jsonify(answer[0]), answer[1]

        self.app, self.url = app, ""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tool]:
    monkeypatch.setattr(http.time, "sleep", lambda seconds: None)
    it = Tool()
    with serving(it.app) as it.url:
        yield it


def test_a_personal_token_is_exchanged_once_and_again_when_it_is_refused(tool: Tool) -> None:
    client = Client(tool.url + "/", SecretStr(PAT))
    client.get("/api/a")
    client.get("/api/b")
    assert tool.refreshed == 1
    assert tool.seen[0][2].startswith("Bearer e30.")
    tool.answers = [error(401, "expired")]
    assert client.send("POST", "/api/c", {}) == {"fine": True}
    assert tool.refreshed == 2


def test_a_legacy_token_is_sent_as_it_is(tool: Tool) -> None:
    client = Client(tool.url, SecretStr("abc123"))
    client.get("/api/a")
    assert tool.seen == [("GET", "api/a", "Token abc123")]
    tool.answers = [error(401, "legacy token authentication has been disabled for this organization")]
    with pytest.raises(ToolRefused, match="use a personal access token"):
        client.get("/api/a")


def test_refusals(tool: Tool) -> None:
    with pytest.raises(ToolRefused, match="make a new one"):
        Client(tool.url, SecretStr(jwt(token_type="refresh", other=1))).get("/api/a")
    client = Client(tool.url, SecretStr(PAT))
    tool.answers = [error(403, "URL resolves to a reserved network address (block: 127.0.0.0/8)")]
    with pytest.raises(AddressRefused):
        client.send("POST", "/api/ml", {})
    tool.answers = [error(403, "You do not have permission")]
    with pytest.raises(ToolRefused, match=r"POST .*/api/ml"):
        client.send("POST", "/api/ml", {})
    tool.answers = [error(400, "Validation error", validation_errors={"url": ["wrong"]})]
    with pytest.raises(ToolError, match="400: Validation error wrong"):
        client.send("POST", "/api/ml", {})


def test_reading_is_tried_again_and_writing_is_not(tool: Tool) -> None:
    client = Client(tool.url, SecretStr(PAT))
    tool.answers = [({}, 502), ({}, 500), ({}, 503)]
    assert client.get("/api/a") == {"fine": True}
    assert len(tool.seen) == 4
    tool.answers = [({}, 502)] * 9
    with pytest.raises(ToolError, match="502"):
        client.get("/api/a")
    assert len(tool.seen) == 8
    with pytest.raises(ToolError, match="502"):
        client.send("POST", "/api/a")
    assert len(tool.seen) == 9
    tool.answers = [({}, 404)]
    with pytest.raises(ToolError, match="404"):
        client.get("/api/a")
    assert len(tool.seen) == 10


def test_something_else_than_label_studio(tool: Tool) -> None:
    client = Client(tool.url, SecretStr("abc"))
    tool.answers = ["<html>welcome</html>"]
    with pytest.raises(ToolError, match="not JSON"):
        client.get("/api/a")
    tool.answers = [redirect("https://elsewhere.example/api/a")]
    with pytest.raises(ToolError, match="leads to"):
        client.get("/api/a")
    for url in ("http://127.0.0.1:1", "http://no.such.host.invalid"):
        with pytest.raises(ToolUnreachable):
            Client(url, SecretStr("abc"), attempts=2).get("/api/a")
    with pytest.raises(InvalidAddress):
        Client("not a url", SecretStr("abc"))


def test_a_token_copied_badly(tool: Tool) -> None:
    assert Client(tool.url, SecretStr(f" {PAT}\n")).get("/api/a") == {"fine": True}
    with pytest.raises(ToolRefused, match="copy it again"):
        Client(tool.url, SecretStr("ключ")).get("/api/a")


def test_no_error_tells_the_token(tool: Tool) -> None:
    tool.answers = [error(403, "no")]
    with pytest.raises(ToolRefused) as caught:
        Client(tool.url, SecretStr("very-secret")).get("/api/a")
    assert "very-secret" not in repr(caught.value) + str(caught.value)


def test_nothing_of_a_page_that_is_not_label_studios_is_repeated(tool: Tool) -> None:
    client = Client(tool.url, SecretStr("abc"))
    secret = "the database password is hunter2"
    long = error(400, "Validation error", validation_errors={"x": ["y" * 5000]})
    for body in ({"detail": secret}, {"secret": secret}, [secret], secret, {"status_code": 403, "note": secret}):
        tool.answers = [(body, 403)]
        with pytest.raises(ToolRefused, match="Forbidden") as caught:
            client.send("POST", "/api/a", {})
        assert "hunter2" not in str(caught.value)
    tool.answers = [long]
    with pytest.raises(ToolError, match="yyy") as failed:
        client.send("POST", "/api/a", {})
    assert len(str(failed.value)) < 700


@pytest.mark.parametrize("key", ["abc", PAT])
def test_another_server_at_that_address_is_called_that(key: str) -> None:
    for status in (404, 403, 401, 400):
        with (
            listening(said(status, b'{"detail": "hunter2"}')) as other,
            pytest.raises(ToolError) as caught,
        ):
            Client(other.url, SecretStr(key), attempts=1).get("/api/projects/21/")
        assert "hunter2" not in str(caught.value)
        assert ("is not Label Studio's address" in str(caught.value)) == (status == 404)

    def refuses(handler: Any) -> None:
        said(200 if handler.path == "/api/version/" else 403, b'{"detail": "hunter2"}')(handler)

    with listening(refuses) as other, pytest.raises(ToolError, match="is not Label Studio's address") as caught:
        Client(other.url, SecretStr(key)).get("/api/projects/21/")
    assert "hunter2" not in str(caught.value)


def test_a_path_behind_which_label_studio_only_tells_its_version_is_not_its_address() -> None:
    def behind(handler: Any) -> None:
        here = handler.path.endswith("/api/version/")
        said(200 if here else 404, b'{"release": "1.23.0"}')(handler)

    for key in ("abc", PAT):
        with listening(behind) as other, pytest.raises(ToolError, match="is not Label Studio's address"):
            Client(f"{other.url}/projects", SecretStr(key)).get("/api/projects/21/")

"""The one policy of outgoing calls, with a real proxy, a real netrc and servers that misbehave."""

from __future__ import annotations

import gzip
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from pydantic import SecretStr

from labelwheel.backend.processes import supervisor
from labelwheel.backend.settings import load
from labelwheel.backend.web.client import Client as OwnClient
from labelwheel.plugins import http
from labelwheel.plugins.argilla.client import Client as Argilla
from labelwheel.plugins.errors import ToolError, ToolFailed, ToolUnreachable
from labelwheel.plugins.http import ToolSession
from labelwheel.plugins.label_studio.client import Client as LabelStudio
from tests.plugins.web_servers import Heard, corporate_proxy, listening, netrc, said

__all__ = ["corporate_proxy", "netrc"]

OWN = "our-own-token-of-labelwheel"
CLIENTS = {"Label Studio": LabelStudio, "Argilla": Argilla}


def test_our_own_token_passes_no_proxy(corporate_proxy: Heard, netrc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(said(200, b'{"projects": []}')) as us:
        monkeypatch.setattr(supervisor, "_say", lambda *_: None)
        supervisor._announce(None, load(token=OWN), us.url)  # type: ignore[arg-type]
        OwnClient(us.url, SecretStr(OWN)).status()
        assert us.secrets == [f"Bearer {OWN}"] * 2
        assert corporate_proxy.requests == []


@pytest.mark.parametrize("tool", CLIENTS)
def test_a_tool_gets_its_own_key_and_not_that_of_netrc(tool: str, netrc: Path) -> None:
    with listening(said(200)) as there:
        CLIENTS[tool](there.url, SecretStr("its-key")).get("/api/thing")
        assert [one.removeprefix("Token ") for one in there.secrets] == ["its-key"]


@pytest.mark.parametrize("tool", CLIENTS)
def test_a_tool_elsewhere_is_called_through_the_proxy_and_one_on_this_machine_is_not(
    tool: str, corporate_proxy: Heard, netrc: Path
) -> None:
    with listening(said(200)) as there:
        CLIENTS[tool](there.url, SecretStr("its-key")).get("/api/thing")
        assert corporate_proxy.requests == []
        CLIENTS[tool](f"http://tool.test:{there.port}", SecretStr("its-key")).get("/api/thing")
        assert [path for _, path, _ in corporate_proxy.requests][-1].startswith("http://tool.test:")
        assert [one.removeprefix("Token ") for one in there.secrets] == ["its-key", "its-key"]


@pytest.mark.parametrize("tool", CLIENTS)
def test_no_key_follows_a_redirect(tool: str) -> None:
    with listening(said(200)) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            place = f"http://user:word@127.0.0.1:{elsewhere.port}/x?token=1"
            with listening(said(status, b"", {"Location": place})) as there:
                with pytest.raises(ToolError, match=rf"leads to 'http://127.0.0.1:{elsewhere.port}/x'") as caught:
                    CLIENTS[tool](there.url, SecretStr("its-key")).get("/api/thing")
                assert "token=1" not in str(caught.value)
        with listening(said(302, b"", {"Location": elsewhere.url})) as us, pytest.raises(Exception, match="302"):
            OwnClient(us.url, SecretStr(OWN)).status()
        assert elsewhere.requests == []


def test_no_cookie_is_kept() -> None:
    with listening(said(200, b"{}", {"Set-Cookie": "sessionid=of-somebody; Path=/"})) as there:
        client = LabelStudio(there.url, SecretStr("its-key"))
        client.get("/api/thing")
        client.get("/api/thing")
        assert there.secrets == ["Token its-key"] * 2


def test_an_answer_is_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST", 2**20)
    packed = gzip.compress(b'"' + b"x" * 2**22 + b'"')
    for answer in (said(200, b"[" + b"1," * 2**19 + b"1]"), said(200, packed, {"Content-Encoding": "gzip"})):
        with listening(answer) as there:
            session = ToolSession("Label Studio", there.url, "token")
            with pytest.raises(ToolFailed, match="more than 1 MB"):
                session.call("GET", "/api/thing", 5.0)


def test_an_answer_that_comes_by_drops_is_given_up() -> None:
    def drops(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000000")
        handler.end_headers()
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.05)

    with listening(drops) as there, pytest.raises(ToolUnreachable, match="in time"):
        ToolSession("Label Studio", there.url, "token").call("GET", "/api/thing", 0.3)


@pytest.mark.parametrize(
    "path",
    ["/api/../admin", "/api/ml/1?x", "/api/ml/1#x", "//evil.test/api", "/api/%2e%2e/x", "\\x", "api", "/api/a b"],
)
def test_what_a_payload_names_cannot_lead_elsewhere(path: str) -> None:
    with listening(said(200)) as there, pytest.raises(ToolError, match="no identifier"):
        ToolSession("Label Studio", there.url, "token").call("DELETE", path, 5.0)
    assert there.requests == []


def test_a_call_is_tried_again_only_while_somebody_would_still_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, tried = [0.0], []
    monkeypatch.setattr(http.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(http.time, "sleep", lambda seconds: clock.append(clock.pop() + seconds))

    def once() -> None:
        tried.append(clock[0])
        clock[0] += 6.0
        raise ToolUnreachable("away")

    with pytest.raises(ToolUnreachable):
        http.patiently(once)
    assert tried == [0.0, 6.25]


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    def breaks(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"[]")
        handler.close_connection = True

    def packed_badly(handler: BaseHTTPRequestHandler) -> None:
        said(200, b"no gzip at all", {"Content-Encoding": "gzip"})(handler)

    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"2\r\n[]\r\n0\r\n\r\n")

    for answering, error in ((breaks, ToolUnreachable), (packed_badly, ToolError)):
        with listening(answering) as there, pytest.raises(error):
            ToolSession("Label Studio", there.url, "token").call("GET", "/api/thing", 5.0)
    with listening(chunked) as there:
        assert ToolSession("Label Studio", there.url, "token").call("GET", "/api/thing", 5.0).json() == []

"""Servers to be called by mistake: a proxy that notes what passes, and one that answers as told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

Headers = dict[str, str]


class Heard:
    """What came: method, address or path, headers."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.requests: list[tuple[str, str, Headers]] = []

    @property
    def secrets(self) -> list[str]:
        """What came as credentials."""
        names = ("authorization", "x-argilla-api-key", "cookie")
        return [value for _, _, headers in self.requests for name, value in headers.items() if name.lower() in names]


Answering = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def listening(answering: Answering, host: str = "127.0.0.1") -> Iterator[Heard]:
    """A server that notes each request, and then lets `answering` write its answer."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.body = self.rfile.read(length)
            heard.requests.append((self.command, self.path, dict(self.headers)))
            answering(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = _any

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    heard = Heard(server.server_port)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield heard
    server.shutdown()
    server.server_close()


def said(status: int, body: bytes = b"{}", headers: Headers | None = None) -> Answering:
    """Always the same answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def passed_on(handler: BaseHTTPRequestHandler) -> None:
    """What a proxy does."""
    with requests.Session() as session:
        session.trust_env = False
        # names that are none here lead to this machine, as a company's own would
        url = handler.path.replace("tool.test", "127.0.0.1")
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in ("host", "connection")}
        body = handler.body  # type: ignore[attr-defined]
        answer = session.request(handler.command, url, headers=headers, data=body, timeout=10)
    said(answer.status_code, answer.content)(handler)


@pytest.fixture
def corporate_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """The proxy that a company's machines have in their environment."""
    with listening(passed_on) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.lower(), proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield proxy


@pytest.fixture
def netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Credentials of this user for every host, as ~/.netrc has them."""
    path = tmp_path / "netrc"
    path.write_text("default login somebody password netrc-secret\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    return path

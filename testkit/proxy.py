"""A proxy between Label Studio and labelwheel that records the webhooks, and loses, doubles, holds or reorders them.

Everything else passes untouched, with a note of how long it took. Label Studio gets a 200 for every webhook, as it
would from a network that lies.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import requests

from testkit.server import free_port

DROP, PASS, DOUBLE, HOLD = "drop", "pass", "double", "hold"
_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length", "host"}


@dataclass(frozen=True)
class Webhook:
    """One webhook as Label Studio sent it, and what became of it."""

    at: float
    headers: dict[str, str]
    body: bytes
    fate: str


@dataclass(frozen=True)
class Passed:
    """A request that was passed on, and what came back."""

    call: str
    status: int
    seconds: float


def thirds(number: int) -> str:
    """A third is lost, a third comes twice, a third comes as it should."""
    return (DROP, DOUBLE, PASS)[number % 3]


class Proxy:
    """Listens on `url`, passes on to `target`. `fate` decides by the number of the webhook what becomes of it."""

    def __init__(self, target: str, fate: Callable[[int], str] = thirds) -> None:
        self.target, self.fate = target.rstrip("/"), fate
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.webhooks: list[Webhook] = []
        self.refused: list[int] = []
        self.passed: list[Passed] = []
        self._held: list[Webhook] = []
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def do_PATCH(self) -> None:
                self.do_POST()

            def do_DELETE(self) -> None:
                self.do_POST()

            def _serve(self, body: bytes) -> None:
                headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
                if self.command == "POST" and self.path.partition("?")[0] == "/webhook":
                    proxy._take(headers, body)
                    return self._answer(200, {"Content-Type": "application/json"}, b'{"status": "noted"}')
                call, began, status = f"{self.command} {self.path.partition('?')[0]}", time.monotonic(), 502
                try:
                    answer = requests.request(
                        self.command, proxy.target + self.path, headers=headers, data=body, timeout=120
                    )
                    status = answer.status_code
                except requests.RequestException:
                    return self._answer(502, {}, b"")
                finally:
                    proxy.passed.append(Passed(call, status, time.monotonic() - began))
                kept = {
                    name: value
                    for name, value in answer.headers.items()
                    if name.lower() not in _HOP | {"content-encoding"}
                }
                return self._answer(answer.status_code, kept, answer.content)

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                with contextlib.suppress(ConnectionError):  # whoever asked may be gone: it was killed
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def counts(self) -> dict[str, int]:
        """How many webhooks there were, and what became of them."""
        return {"received": len(self.webhooks), **Counter(each.fate for each in self.webhooks)}

    def release(self, newest_first: bool = True) -> int:
        """Send what was held back, late and in the wrong order; returns how many those were."""
        with self._lock:
            held, self._held = self._held, []
        for webhook in sorted(held, key=lambda each: each.at, reverse=newest_first):
            self.send(webhook)
        return len(held)

    def send(self, webhook: Webhook) -> int:
        """Pass a webhook on; returns the status that labelwheel answers, 0 where it does not."""
        try:
            status = requests.post(
                f"{self.target}/webhook", data=webhook.body, headers=webhook.headers, timeout=30
            ).status_code
        except requests.RequestException:
            status = 0
        if status != 200:
            self.refused.append(status)
        return status

    def _take(self, headers: dict[str, str], body: bytes) -> None:
        with self._lock:
            webhook = Webhook(time.monotonic(), headers, body, self.fate(len(self.webhooks)))
            self.webhooks.append(webhook)
            if webhook.fate == HOLD:
                self._held.append(webhook)
        for _ in range({DROP: 0, HOLD: 0, PASS: 1, DOUBLE: 2}[webhook.fate]):
            self.send(webhook)

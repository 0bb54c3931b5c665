"""A scripted endpoint of the OpenAI protocol: answers what a test has it answer, and knows every fault by name."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answering = Callable[[list[dict[str, str]]], Any]
"""From the messages of a prompt to what stands in {"answer": …}."""


class ScriptedModel:
    """`fault` is what it does from now on: slow, 429, 500, 400, redirect, malformed, extra, cut, wrong, empty; or none.

    `seen` are the prompts, in the order in which they came; `keys` what they were sent with.
    """

    def __init__(self, answering: Answering) -> None:
        self.answering, self.fault, self.left = answering, "", -1
        self.sampling: Answering | None = None  # what it says where it is asked with a temperature; None: the same
        self.knows_schemas, self.knows_probabilities, self.refusal = True, True, 400
        self.seen: list[list[dict[str, str]]] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.most, self._under_way = 0, 0
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @contextmanager
    def running(self) -> Iterator[ScriptedModel]:
        """Listens until the end."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def answer(self, asked: dict[str, Any], key: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        with self._lock:
            self.requests.append(asked)
            self.seen.append(asked["messages"])
            self.keys.add(key)
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            fault = self.fault if self.left else ""
            self.left -= self.left > 0
        try:
            return self._answer(asked, fault)
        finally:
            with self._lock:
                self._under_way -= 1

    def _answer(self, asked: dict[str, Any], fault: str) -> tuple[int, dict[str, str], bytes]:
        if fault == "slow":
            self._ended.wait(60)
        if fault in ("400", "429", "500"):
            return int(fault), {"Retry-After": "0.05"} if fault == "429" else {}, b'{"error": {"message": "as asked"}}'
        if fault == "redirect":
            return 307, {"Location": self.url.replace("/v1", "/elsewhere")}, b""
        if (not self.knows_schemas and "response_format" in asked) or (
            not self.knows_probabilities and "logprobs" in asked
        ):
            return self.refusal, {}, b'{"error": {"message": "unknown parameter"}}'
        heard = self.sampling if asked["temperature"] and self.sampling else self.answering
        text = json.dumps({"answer": heard(asked["messages"])}, ensure_ascii=False)
        text = {
            "extra": f"Sure! {text}", "cut": text[: len(text) // 2], "wrong": '{"answer": "no such label"}',
            "other": '{"label": "a", "answer": "a"}',
        }.get(fault, text)  # fmt: skip
        choice: dict[str, Any] = {
            "index": 0, "finish_reason": "length" if fault == "cut" else "stop",
            "message": {"role": "assistant", "content": None if fault == "empty" else text},
        }  # fmt: skip
        if asked.get("logprobs") and self.knows_probabilities:
            choice["logprobs"] = {"content": [{"token": text, "logprob": -0.1, "bytes": None, "top_logprobs": []}]}
        body = {
            "id": "1", "object": "chat.completion", "created": 0, "model": asked["model"], "choices": [choice],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }  # fmt: skip
        return 200, {}, b"<html>" if fault == "malformed" else json.dumps(body).encode()


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, body = model.answer(asked, self.headers.get("Authorization", ""))
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # whoever asked has gone
                self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:
            """Quiet."""

    return Handler

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from labelwheel.training.progress import Progress


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[dict[str, object]]]:
    """A listener as the service is one; what it was told."""
    found: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Authorization"] == "Bearer secret"
            found.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["trainerStatus"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "token").write_text("secret")
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_URL", f"http://127.0.0.1:{server.server_port}/progress")
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_TOKEN", str(tmp_path / "token"))
    yield found
    server.shutdown()


def test_progress_rises_over_all_phases_and_is_told(heard: list[dict[str, object]]) -> None:
    progress = Progress()
    with progress.phase("one", 40):
        progress.update(0.5, {"loss": 0.25}, force=True)
        progress.update(0.1, force=True)
    with progress.phase("two", 90):
        progress.update(0.5, force=True)
    progress.update(1.0, force=True)
    assert [status["progressPercentage"] for status in heard] == [0, 20, 20, 40, 40, 65, 90, 100]
    assert heard[1]["metrics"] == [{"name": "loss", "value": "0.25"}]
    assert "estimatedRemainingSeconds" in heard[1]


def test_nobody_listening_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_URL", "http://127.0.0.1:9/progress")
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_TOKEN", str(tmp_path / "nothing"))
    progress = Progress()
    with progress.phase("one", 40):
        progress.update(1.0, force=True)
    assert progress.percent == 40


def test_the_rounds_token_passes_no_proxy_and_follows_no_redirect(
    heard: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str | None] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(self.headers["Authorization"])
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/caught")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    Progress().update(1.0, force=True)
    assert [status["progressPercentage"] for status in heard] == [100]
    assert taken == [], "a proxy saw the token"
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_URL", f"http://127.0.0.1:{server.server_port}/progress")
    Progress().update(1.0, force=True)
    assert taken == ["Bearer secret"], "the redirect was followed"
    server.shutdown()

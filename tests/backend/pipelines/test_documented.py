"""What docs/pipelines.md says to type, typed: kfp's own client hands it to one who plays Kubeflow's API server."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from testkit import pipelines
from testkit.server import REPOSITORY

HOST = "http://ml-pipeline-ui.kubeflow"


class Api(ThreadingHTTPServer):
    """Says yes, and keeps what it was sent: `taken` has bodies by the end of their address."""

    def __init__(self) -> None:
        self.taken: dict[str, Any] = {}
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self._answer({"experiment_id": "e1", "experiments": [], "multi_user": False})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken[self.path.rpartition("/")[2]] = body
        self._answer({"experiment_id": "e1", "run_id": "r1", "recurring_run_id": "s1", "display_name": "d"})

    def _answer(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    with Api() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def test_a_run_and_a_schedule_are_started_as_the_page_says(api: Api, tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "pipelines.md").read_text("utf-8")
    run, schedule, local = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert HOST in run
    assert "SubprocessRunner" in local, "the tests of the pipeline do the same"
    program = f"{run}\n{schedule}".replace(HOST, f"http://127.0.0.1:{api.server_port}")
    subprocess.run(
        [pipelines.python(), "-c", program], env=pipelines.python_path(tmp_path), cwd=tmp_path, check=True, timeout=300
    )
    started, scheduled = api.taken["runs"], api.taken["recurringruns"]
    for each in (started, scheduled):
        assert each["pipeline_spec"]["pipeline_spec"]["pipelineInfo"]["name"] == "labelwheel"
        assert {"url", "project", "question", "image"} <= set(each["runtime_config"]["parameters"])
    assert scheduled["trigger"]["cron_schedule"]["cron"] == "0 0 2 * * *"
    assert (scheduled["max_concurrency"], scheduled["no_catchup"]) == (1, True)
    assert scheduled["runtime_config"]["parameters"]["tune_minutes"] == 20.0

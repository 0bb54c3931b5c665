"""`LabelwheelModel` behind a label-studio-ml server, against labelwheel's own routes.

label-studio-ml itself is only in its git repository; `testkit.ml_stand_in` has the smallest thing with its interface.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from flask.testing import FlaskClient

from labelwheel.backend.web.body import StrictJSON
from labelwheel.plugins.label_studio import LabelStudio
from labelwheel.training.errors import LabelwheelError
from testkit import ml_stand_in
from testkit.wsgi_server import serving
from tests.plugins.label_studio.test_protocol import BLIND, CONFIG, PROJECT, Desk

CREATED = "2026-11-29T09:00:00Z"
NUMBERED = {"id": 5, "created_at": "2026-11-26T21:35:47Z", "label_config": CONFIG}
TASKS = [{"id": 1, "data": {"text": "Ada is happy"}}, {"id": int(BLIND), "data": {"text": "Nobody knows"}}]


class Wheel:
    """labelwheel's routes on a port; what its callers sent, and what it is to answer in their place."""

    def __init__(self) -> None:
        self.desk, self.credentials = Desk(), list[str | None]()
        self.failing: list[tuple[int, Any]] = []
        app = Flask(__name__)
        app.json = StrictJSON(app)
        app.register_blueprint(LabelStudio.routes(self.desk))

        @app.before_request
        def note() -> tuple[Response, int] | None:
            self.credentials.append(request.headers.get("Authorization"))
            if not self.failing:
                return None
            status, body = self.failing.pop(0)
            return jsonify(body), status

        @app.errorhandler(LabelwheelError)
        def explain(error: LabelwheelError) -> tuple[Response, int]:
            return jsonify({"error": {"type": type(error).__name__, "message": str(error)}}), error.status

        self._up = ExitStack()
        self.url = self._up.enter_context(serving(app))

    def stop(self) -> None:
        self._up.close()


@pytest.fixture
def wheel() -> Iterator[Wheel]:
    found = Wheel()
    yield found
    found.stop()


@pytest.fixture
def studio(wheel: Wheel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FlaskClient]:
    """Label Studio's side of a server that runs LabelwheelModel."""
    monkeypatch.syspath_prepend(str(ml_stand_in.FOLDER))
    monkeypatch.setenv("LABELWHEEL_URL", wheel.url)
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    monkeypatch.delenv("LABELWHEEL_TOKEN", raising=False)
    module = importlib.import_module("labelwheel.plugins.label_studio.ml_backend")
    app = importlib.import_module("label_studio_ml.api").init_app(module.LabelwheelModel)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield app.test_client()
    for name in [*sys.modules]:
        if name.startswith("label_studio_ml") or name.endswith(".ml_backend"):
            del sys.modules[name]


def predict(studio: FlaskClient, **more: Any) -> Any:
    body = {"tasks": TASKS, "project": PROJECT, "label_config": CONFIG, "params": {"login": None, "context": None}}
    return studio.post("/predict", json=body | more, auth=("labelwheel", "the project's secret"))


def test_it_answers_what_labelwheel_says_under_its_version(studio: FlaskClient, wheel: Wheel) -> None:
    assert studio.post("/setup", json={"project": PROJECT, "schema": CONFIG}).json == {"model_version": "g3"}
    first, blind = predict(studio).json["results"]
    assert (first["model_version"], first["score"]) == ("g3", 0.6)
    assert [(region["from_name"], region["type"]) for region in first["result"]] == [
        ("mood", "choices"), ("who", "labels")
    ]  # fmt: skip
    assert blind == [], "a blind task shows nothing here either"
    assert predict(studio, tasks=[]).json == {"results": []}


def test_the_secret_of_a_request_is_handed_on_and_a_token_takes_its_place(
    studio: FlaskClient, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict(studio)
    (given,) = {*wheel.credentials}
    assert given is not None
    assert given.startswith("Basic ")
    wheel.credentials.clear()
    studio.post("/setup", json={"project": PROJECT, "schema": CONFIG})
    assert wheel.credentials == [None], "a stranger is one to labelwheel too"
    monkeypatch.setenv("LABELWHEEL_TOKEN", "sixteen characters")
    studio.post("/setup", json={"project": PROJECT, "schema": CONFIG})
    assert wheel.credentials[-1] == "Bearer sixteen characters"


def test_events_are_handed_on(studio: FlaskClient, wheel: Wheel) -> None:
    from labelwheel.plugins.label_studio.project import reference

    project = reference(NUMBERED)
    wheel.desk._check = lambda given: None  # type: ignore[method-assign]
    sent = {"action": "ANNOTATION_CREATED", "project": NUMBERED, "task": {"id": 7}, "annotation": {"id": 1}}
    answer = studio.post("/webhook", json=sent)
    assert answer.json == {"result": {"status": "noted"}, "status": "ok"}
    assert len(wheel.credentials) == 1, "what comes with a webhook opens nothing else"
    studio.post("/webhook", json={"action": "START_TRAINING", "project": NUMBERED})
    assert wheel.desk.noted == [f"hint {project} 7", f"train {project}"]


def test_what_passes_is_tried_again_and_what_stays_is_an_error(
    studio: FlaskClient, wheel: Wheel, caplog: pytest.LogCaptureFixture
) -> None:
    busy = (503, {"error": {"message": "the model is being loaded"}})
    wheel.failing = [busy]
    assert predict(studio).status_code == 200
    wheel.failing = [busy, busy]
    assert predict(studio).status_code == 500
    assert "labelwheel answered 503 to POST http://127.0.0.1" in caplog.text
    assert "the model is being loaded" in caplog.text
    assert "secret" not in caplog.text
    wheel.failing = [(200, {"results": [{}]})]
    assert predict(studio).status_code == 500, "one result for each task, or Label Studio drops all of them"
    wheel.stop()
    assert predict(studio).status_code == 500


def test_a_project_that_nobody_connected_is_said(studio: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    assert studio.post("/setup", json={"project": "6.1", "schema": CONFIG}).status_code == 500
    assert "nobody connected 6.1: run `labelwheel connect`" in caplog.text


def test_without_label_studio_ml_a_line_says_where_it_is() -> None:
    code = "import labelwheel.plugins.label_studio, sys; assert 'torch' not in sys.modules\n"
    code += "import labelwheel.plugins.label_studio.ml_backend"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "label-studio-ml 2 is not installed" in last
    assert "pip install 'label-studio-ml @ git+https://" in last

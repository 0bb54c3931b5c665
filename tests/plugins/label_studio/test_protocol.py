from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from flask import Flask, Response, jsonify
from flask.testing import FlaskClient

from labelwheel.backend.web.body import StrictJSON
from labelwheel.plugins.connector import Suggestion
from labelwheel.plugins.errors import UnknownProject
from labelwheel.plugins.label_studio import LabelStudio
from labelwheel.plugins.label_studio.layout import read
from labelwheel.plugins.label_studio.protocol import MAX_TASKS
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.questions import Example, Prediction, Question

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text"><Choice value="good"/>'
    '<Choice value="bad"/></Choices><Labels name="who" toName="text"><Label value="PER"/></Labels></View>'
)
BLIND = "99"
PROJECT = "5.1795289147"


class Desk:
    def __init__(self) -> None:
        self.noted: list[str] = []

    def _check(self, reference: str) -> None:
        if reference != PROJECT:
            raise UnknownProject(f"nobody connected {reference}: run `labelwheel connect`")

    def version(self, tool: str, reference: str) -> str:
        self._check(reference)
        return "g3"

    def versions(self, tool: str, reference: str | None) -> list[str]:
        return ["g3", "g2"]

    def questions(self, tool: str, reference: str) -> Sequence[Question]:
        self._check(reference)
        return read(CONFIG).questions

    def suggest(self, tool: str, reference: str, examples: Sequence[Example]) -> list[Suggestion]:
        self._check(reference)
        spans = [{"start": 0, "end": 4, "label": "PER"}]
        said = {"mood": Prediction(answer="good", score=0.9), "who": Prediction(answer=spans, score=0.6)}
        return [
            Suggestion(example=example, version="g3", predictions=dict.fromkeys(said, Prediction()), blind=True)
            if example.key == BLIND else Suggestion(example=example, version="g3", predictions=said)
            for example in examples
        ]  # fmt: skip

    def hint(self, tool: str, reference: str, keys: Collection[str] = ()) -> None:
        self.noted.append(" ".join(["hint", reference, *keys]))

    def train(self, tool: str, reference: str) -> dict[str, str]:
        self.noted.append(f"train {reference}")
        return {"mood": "no round: 3 of 16 new labels"}


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def web(desk: Desk) -> FlaskClient:
    app = Flask(__name__)
    app.json = StrictJSON(app)  # as the service reads bodies
    app.register_blueprint(LabelStudio.routes(desk))

    @app.errorhandler(LabelwheelError)
    def explain(error: LabelwheelError) -> tuple[Response, int]:
        return jsonify({"error": {"type": type(error).__name__, "message": str(error)}}), error.status

    return app.test_client()


def predict(web: FlaskClient, tasks: Any, **more: Any) -> Any:
    return web.post("/predict", json={"tasks": tasks, "project": PROJECT, "label_config": CONFIG, "params": {}, **more})


def test_health_setup_and_versions(web: FlaskClient) -> None:
    assert web.get("/health").get_json()["status"] == web.get("/").get_json()["status"] == "UP"
    body = {"project": PROJECT, "schema": CONFIG, "hostname": "http://x", "access_token": "x", "extra_params": None}
    assert web.post("/setup", json=body).get_json() == {"model_version": "g3"}
    assert web.get("/versions").get_json() == {"versions": ["g3", "g2"]}
    answer = web.post("/setup", json={**body, "project": "9.1"})
    assert answer.status_code == 404
    assert "labelwheel connect" in answer.get_json()["error"]["message"]


def test_a_blind_task_has_no_prediction_at_all(web: FlaskClient) -> None:
    """An empty one would be kept, and be what an annotation is said to have begun with."""
    texts = [{"id": key, "data": {"text": "Jane is fine"}} for key in (1, int(BLIND), 2)]
    first, blind, last = predict(web, texts).get_json()["results"]
    assert (first["model_version"], blind, last["model_version"]) == ("g3", [], "g3")


def test_one_result_for_each_task_in_order(web: FlaskClient, desk: Desk) -> None:
    tasks = [
        {"id": 1, "data": {"text": "Jane is fine"}},
        {"id": 2, "data": {}},
        {"id": 3, "data": {"text": None}},
        {"id": 4},
        {},
        {"id": 5, "data": ["x"]},
        {"id": 6, "data": {"text": "abc"}},
        {"id": 7, "data": {"text": {"deep": [1, "\x00\ud800"]}}},
    ]
    results = predict(web, tasks).get_json()["results"]
    assert [[region["from_name"] for region in one["result"]] for one in results] == [
        ["mood", "who"],
        [],
        [],
        [],
        [],
        [],
        ["mood"],
        ["mood", "who"],
    ]
    assert {one["model_version"] for one in results} == {"g3"}
    assert [one["score"] for one in results[:2]] == [0.6, 0.0]
    assert desk.noted == []


def test_a_newer_config_is_hinted_at_and_obeyed(web: FlaskClient, desk: Desk) -> None:
    newer = CONFIG.replace("good", "great").replace("PER", "PERSON")
    (result,) = predict(web, [{"id": 1, "data": {"text": "Jane"}}], label_config=newer).get_json()["results"]
    assert result["result"] == []
    assert desk.noted == [f"hint {PROJECT}"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\x00\x01",
        b"[]",
        b'"x"',
        b"null",
        b"{}",
        b"[" * 100_000,
        json.dumps({"tasks": {}, "project": PROJECT, "label_config": CONFIG}).encode(),
        json.dumps({"tasks": [1], "project": PROJECT, "label_config": CONFIG}).encode(),
        json.dumps({"tasks": [None], "project": PROJECT, "label_config": CONFIG}).encode(),
        json.dumps({"tasks": [], "project": 5, "label_config": CONFIG}).encode(),
        json.dumps({"tasks": [], "project": "", "label_config": CONFIG}).encode(),
        json.dumps({"tasks": [], "project": PROJECT}).encode(),
        json.dumps({"tasks": [], "project": PROJECT, "label_config": "<View"}).encode(),
        json.dumps({"tasks": [], "project": PROJECT, "label_config": '<!DOCTYPE a [<!ENTITY b "c">]><a/>'}).encode(),
    ],
)
def test_what_is_not_the_protocol_gets_one_json_error(web: FlaskClient, body: bytes) -> None:
    answer = web.post("/predict", data=body, content_type="application/json")
    assert answer.status_code == 400
    error = answer.get_json()["error"]
    assert error["type"] == "InvalidPayload"
    assert "\n" not in error["message"]


def test_ten_thousand_tasks_are_answered_and_more_are_not(web: FlaskClient) -> None:
    tasks = [{"id": number, "data": {"text": "Jane"}} for number in range(MAX_TASKS)]
    started = time.monotonic()
    assert len(predict(web, tasks).get_json()["results"]) == MAX_TASKS
    assert time.monotonic() - started < 30
    assert predict(web, [*tasks, {}]).status_code == 413


@pytest.mark.parametrize(
    ("action", "noted"),
    [("ANNOTATION_CREATED", "hint"), ("ANYTHING", "hint"), ("START_TRAINING", "train"), (None, "hint")],
)
def test_webhooks(web: FlaskClient, desk: Desk, action: str | None, noted: str) -> None:
    project = {"id": 5, "created_at": "2026-11-21T19:25:47.474220Z", "token": "secret"}
    answer = web.post("/webhook", json={"action": action, "project": project, "annotation": {"id": 3}})
    told = {"questions": {"mood": "no round: 3 of 16 new labels"}} if noted == "train" else {}
    assert answer.get_json() == {"status": "noted", **told}
    assert desk.noted == [f"{noted} {PROJECT}"]


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        ({"action": "ANNOTATION_CREATED", "annotation": {"id": 3, "task": 7}, "task": {"id": 7, "data": {}}}, "7"),
        ({"action": "ANNOTATIONS_CREATED", "annotation": [{"id": 3}], "task": [{"id": 7}, {"id": 9}]}, "7 9"),
        ({"action": "TASKS_CREATED", "tasks": [{"id": 7}, {"id": 8}]}, "7 8"),
        ({"action": "TASKS_DELETED", "tasks": [{"id": 7}]}, "7"),
        ({"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 3}]}, ""),
        ({"action": "PROJECT_UPDATED"}, ""),
        ({"action": "ANNOTATION_CREATED", "task": {"id": "7"}}, ""),
        ({"action": "ANNOTATION_CREATED", "task": 7}, ""),
        ({"action": "TASKS_CREATED", "tasks": [{"id": 7}, {"id": True}]}, ""),
        ({"action": "TASKS_CREATED", "tasks": [{"id": 7}, {"id": 10**400}]}, ""),
        ({"action": "TASKS_CREATED", "tasks": [{"id": -7}]}, ""),
        ({"action": "TASKS_CREATED", "tasks": []}, ""),
    ],
)
def test_a_hint_names_the_tasks_that_an_event_is_about(
    web: FlaskClient, desk: Desk, event: dict[str, Any], keys: str
) -> None:
    project = {"id": 5, "created_at": "2026-11-21T19:25:47.474220Z"}
    assert web.post("/webhook", json={**event, "project": project}).status_code == 200
    assert desk.noted == [f"hint {PROJECT} {keys}".rstrip()]


def test_the_older_way_to_ask_for_training(web: FlaskClient, desk: Desk) -> None:
    answer = web.post("/train", json={"project": PROJECT, "annotations": [{"id": 1}], "label_config": CONFIG})
    assert answer.get_json() == {"status": "noted", "questions": {"mood": "no round: 3 of 16 new labels"}}
    assert web.post("/train", json={"annotations": []}).status_code == 400
    assert desk.noted == [f"train {PROJECT}"]


@pytest.mark.parametrize(
    ("project", "status"),
    [
        (None, 400),
        (5, 400),
        ({"id": "5"}, 400),
        ({"id": 5}, 404),
        ({"id": 6, "created_at": "2026-11-21T19:25:47Z"}, 404),
        ({"id": 5, "created_at": "never"}, 404),
    ],
)
def test_forged_webhooks_do_nothing(web: FlaskClient, desk: Desk, project: Any, status: int) -> None:
    assert web.post("/webhook", json={"action": "START_TRAINING", "project": project}).status_code == status
    assert desk.noted == []

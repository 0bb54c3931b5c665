"""The route that Argilla calls, with bodies that a real one sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from labelwheel.backend.web.body import StrictJSON
from labelwheel.plugins.argilla import Argilla
from labelwheel.plugins.errors import UnknownProject
from labelwheel.training.errors import LabelwheelError

SAMPLES = Path(__file__).parent / "samples"
DATASET = "8bb9a238-4981-498d-b6a8-fcdf7dfd252a"
OTHER = "11111111-1111-4111-8111-111111111111"
SECRET = "bGFiZWx3aGVlbC10ZXN0LXNlY3JldC1vZi1hLXdlYmhvb2s="


class Desk:
    """The web process's place."""

    def __init__(self) -> None:
        self.hints: list[str] = []
        self.keys: list[list[str]] = []
        self.kept: dict[str, dict[str, Any]] = {DATASET: {"secret": SecretStr(SECRET)}, OTHER: {"secret": None}}

    def options(self, tool: str, reference: str) -> Mapping[str, Any]:
        assert tool == "argilla"
        if reference not in self.kept:
            raise UnknownProject("nobody connected it")
        return self.kept[reference]

    def hint(self, tool: str, reference: str, keys: Collection[str] = ()) -> None:
        self.hints.append(reference)
        self.keys.append(list(keys))


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def client(desk: Desk) -> Iterator[FlaskClient]:
    app = Flask(__name__)
    app.json = StrictJSON(app)  # as the service reads bodies
    app.register_blueprint(Argilla.routes(desk))  # type: ignore[arg-type]
    app.register_error_handler(LabelwheelError, lambda error: (str(error), error.status))
    with app.test_client() as client:
        yield client


def body(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def post(
    client: FlaskClient,
    data: bytes,
    *,
    secret: str = SECRET,
    age: timedelta = timedelta(),
    dataset: str = DATASET,
    **headers: str,
) -> TestResponse:
    moment = datetime.now(UTC) - age
    signed = {
        "webhook-id": "msg_ABx6vpH7qkvsPqjHVxIMng",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_ABx6vpH7qkvsPqjHVxIMng", moment, data.decode()),
    }
    return client.post(f"/argilla/{dataset}/webhook", data=data, headers={**signed, **headers})


@pytest.mark.parametrize("name", ["response.created", "response.updated", "response.deleted"])
def test_what_people_did_is_a_hint(client: FlaskClient, desk: Desk, name: str) -> None:
    sample = json.loads(body(name))
    desk.kept[sample["data"]["record"]["dataset"]["id"]] = {"secret": SecretStr(SECRET)}
    answer = post(client, body(name), dataset=sample["data"]["record"]["dataset"]["id"])
    assert (answer.status_code, answer.data) == (204, b"")
    assert desk.hints == [sample["data"]["record"]["dataset"]["id"]]
    assert desk.keys == [[sample["data"]["record"]["id"]]]


@pytest.mark.parametrize("name", ["record.updated", "ping"])
def test_other_events_are_taken_and_forgotten(client: FlaskClient, desk: Desk, name: str) -> None:
    assert post(client, body(name)).status_code == 204
    assert desk.hints == []


def test_a_foreign_dataset_changes_nothing(client: FlaskClient, desk: Desk) -> None:
    event = json.loads(body("response.created"))
    event["data"]["record"]["dataset"]["id"] = OTHER
    assert post(client, json.dumps(event).encode()).status_code == 204
    assert desk.hints == []


@pytest.mark.parametrize(
    "more",
    [
        {"secret": "Zm9yZ2VkIGZvcmdlZCBmb3JnZWQ="},
        {"age": timedelta(minutes=6)},
        {"age": timedelta(minutes=-6)},
        {"webhook-signature": "v1,nonsense"},
        {"webhook-signature": "nonsense"},
        {"webhook-signature": ""},
        {"webhook-timestamp": "tomorrow"},
        {"webhook-id": "msg_another"},
        {"dataset": OTHER},  # connected, but Argilla granted it no webhook
        {"dataset": "22222222-2222-4222-8222-222222222222"},
    ],
)
def test_forged_and_old_ones_are_refused(client: FlaskClient, desk: Desk, more: dict[str, Any]) -> None:
    answer = post(client, body("response.created"), **more)
    assert answer.status_code == 401
    assert SECRET not in answer.text
    assert desk.hints == []


def test_a_body_that_was_changed_is_refused(client: FlaskClient, desk: Desk) -> None:
    moment = datetime.now(UTC)
    signature = Webhook(SECRET).sign("msg_1", moment, body("response.created").decode())
    stamp = str(int(moment.timestamp()))
    headers = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}
    for changed in (body("response.created") + b" ", b"\xff\xfe", b""):
        assert client.post(f"/argilla/{DATASET}/webhook", data=changed, headers=headers).status_code == 401
    assert desk.hints == []


@pytest.mark.parametrize("data", [b"[]", b"3", b"no json", b"[" * 100_000])
def test_a_signed_body_of_another_shape_is_no_crash(client: FlaskClient, data: bytes) -> None:
    assert post(client, data).status_code == 400
    assert client.post("/argilla/nonsense/webhook", data=data).status_code == 404

"""Webhooks are hints: late, doubled, out of order or forged ones change nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import requests

from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.proxy import HOLD, Proxy
from testkit.stage import Stage

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(environment=quick) as wheel:
        yield wheel


@pytest.fixture(scope="module")
def proxy(wheel: LabelwheelServer) -> Iterator[Proxy]:
    with Proxy(wheel.url, fate=lambda number: HOLD) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def stage(studio: LabelStudioServer, wheel: LabelwheelServer, proxy: Proxy) -> Stage:
    return Stage(studio, wheel, tasks=30, backend_url=proxy.url)


def test_late_doubled_and_reordered_webhooks_change_nothing(stage: Stage, proxy: Proxy) -> None:
    annotations = stage.label(6)
    stage.studio.update(annotations[0], result=[])
    stage.studio.delete_annotation(annotations[1])
    stage.wheel.until(lambda: len(proxy.webhooks) >= 8, 60, "the webhooks did not come")
    stage.converged()  # while not one webhook has arrived
    before = truth.events(stage.wheel)
    assert proxy.release(newest_first=True) >= 8
    for webhook in proxy.webhooks * 2:
        assert proxy.send(webhook) == 200
    looked(stage)
    assert truth.events(stage.wheel) == before
    stage.converged()


def test_a_webhook_makes_the_worker_look_and_carries_no_truth(stage: Stage, proxy: Proxy) -> None:
    (task,) = stage.take(1)
    lie = {
        "action": "ANNOTATION_CREATED",
        "project": {"id": stage.project, "created_at": stage.studio.project(stage.project)["created_at"]},
        "task": {"id": task, "data": {"text": "never said"}},
        "annotation": {
            "id": 999_999,
            "result": stage.gold(stage.data[task]),
            "completed_by": 1,
            "was_cancelled": False,
        },
    }
    before = truth.events(stage.wheel)
    assert stage.wheel.call("POST", "/webhook", json=lie).status_code == 200
    looked(stage)
    assert truth.events(stage.wheel) == before
    assert truth.rows(stage.wheel, "SELECT * FROM works WHERE key = '999999'") == []
    assert truth.rows(stage.wheel, "SELECT * FROM examples WHERE fields LIKE '%never said%'") == []


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Token " + "0" * 40},
        {"Authorization": "Basic bGFiZWx3aGVlbDp3cm9uZw=="},
        {"Authorization": "Basic not-base64"},
        {"Authorization": "Bearer \xff\xfe"},
    ],
    ids=["none", "bearer", "empty", "scheme", "basic", "broken", "bytes"],
)
def test_without_the_right_credentials_nothing_is_noted(stage: Stage, credentials: dict[str, str]) -> None:
    (before,) = truth.rows(stage.wheel, "SELECT hinted_at FROM projects")
    body = json.dumps({"action": "ANNOTATION_CREATED", "project": {"id": stage.project}})
    headers = {"Content-Type": "application/json"} | credentials
    answer = requests.post(f"{stage.wheel.url}/webhook", data=body, headers=headers, timeout=30)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "Unauthorized"
    assert "Basic" in answer.headers["WWW-Authenticate"]
    assert truth.rows(stage.wheel, "SELECT hinted_at FROM projects") == [before]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"not JSON", 400),
        (b"\x00\xff\xfe", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"project": null}', 400),
        (b'{"project": {"id": "one"}}', 400),
        (b'{"action": ["x"], "project": {"id": 4711, "created_at": "2020-01-01T00:00:00Z"}}', 404),
        (b'{"action": "START_TRAINING", "project": {"id": 4711, "created_at": "2020-01-01T00:00:00Z"}}', 404),
        (b'{"project": {"id": 99999999999999999999999999999999, "created_at": {}}}', 404),
    ],
)
def test_garbage_and_unknown_projects_are_refused(stage: Stage, body: bytes, status: int) -> None:
    before = truth.events(stage.wheel), len(truth.rows(stage.wheel, "SELECT id FROM rounds"))
    answer = stage.wheel.call("POST", "/webhook", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].keys() == {"type", "message"}
    assert (truth.events(stage.wheel), len(truth.rows(stage.wheel, "SELECT id FROM rounds"))) == before


def looked(stage: Stage) -> None:
    """Wait until the worker has looked at Label Studio once more."""
    before = stage.state()["poll"]["at"]
    time.sleep(0.1)
    stage.wheel.until(lambda: stage.state()["poll"]["at"] > before, 60, "the worker did not look")

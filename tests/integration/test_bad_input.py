"""Whatever is sent: a 4xx with one JSON error, never a traceback; the service stays well and nothing is written."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from demo.messages import LABEL_CONFIG
from testkit import truth
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.stage import TOPICS, Stage

pytestmark = pytest.mark.server

# {id} is labelwheel's number of the project
BODIED = [
    ("POST", "/setup"), ("POST", "/predict"), ("POST", "/webhook"), ("POST", "/api/v1/projects"),
    ("POST", "/api/v1/projects/{id}/questions/topic/rollback"), ("POST", "/api/v1/projects/{id}/suggest"),
]  # fmt: skip
DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_OBJECT = b'{"project":' * 50_000 + b"1" + b"}" * 50_000
MALFORMED = {
    "empty": b"",
    "text": b"not JSON",
    "half": b'{"project": "1.2", "tasks": [',
    "binary": bytes(range(256)) * 8,
    "nul": b"\x00" * 64,
    "latin-1": '{"project": "schön"}'.encode("latin-1"),
    "utf-16": '{"project": "1.2"}'.encode("utf-16"),
    "list": b"[]",
    "string": b'"project"',
    "number": b"17",
    "null": b"null",
    "nan": b'{"project": NaN, "tool": NaN, "examples": NaN, "version": NaN}',
    "infinity": b'{"project": "1.2", "tasks": -Infinity, "examples": Infinity, "tool": Infinity, "version": Infinity}',
    "huge number": b'{"project": 1' + b"0" * 5000 + b"}",
    "deep list": DEEP,
    "deep object": DEEP_OBJECT,
    "wrong types": b'{"project": {"a": 1}, "tasks": "all", "tool": 7, "url": [], "examples": {}, "version": [1]}',
    "trailing": b'{"project": "1.2"} {"project": "1.2"}',
}


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(environment=quick) as wheel:
        yield wheel


@pytest.fixture(scope="module")
def stage(studio: LabelStudioServer, wheel: LabelwheelServer) -> Stage:
    stage = Stage(studio, wheel, config=LABEL_CONFIG, tasks=40)
    stage.label(5)
    stage.converged()
    return stage


@pytest.fixture(autouse=True)
def nothing_changes(stage: Stage) -> Iterator[None]:
    """After each of these tests the service is well, and the ledger what it was before."""
    before, written = stage.predict(["Where is my parcel?"]).json(), everything(stage.wheel)
    known = stage.wheel.log.stat().st_size
    yield
    assert stage.wheel.call("GET", "/health").json()["status"] == "UP"
    assert stage.predict(["Where is my parcel?"]).json() == before
    assert everything(stage.wheel) == written
    with stage.wheel.log.open("rb") as log:
        log.seek(known)
        said = log.read().decode(errors="replace")
    assert "Traceback" not in said, said


def everything(wheel: LabelwheelServer) -> dict[str, Any]:
    """What no bad request may change."""
    tables = ("events", "labels", "works", "examples", "projects", "questions", "rounds", "checkpoints", "generations")
    return {table: truth.rows(wheel, f"SELECT count(*) AS n FROM {table}") for table in tables} | {
        "decisions": [row for row in truth.rows(wheel, "SELECT kind FROM decisions") if row["kind"] != "skipped"]
    }


def check_refused(answer: requests.Response, *statuses: int) -> str:
    """One clear error in JSON; its message."""
    assert 400 <= answer.status_code < 500, f"{answer.status_code}: {answer.text[:500]}"
    assert not statuses or answer.status_code in statuses, f"{answer.status_code}: {answer.text[:500]}"
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"type", "message"}
    message = body["error"]["message"]
    assert message
    assert "Traceback" not in message
    assert len(message) < 2000
    return str(message)


@pytest.mark.parametrize(("method", "path"), BODIED)
@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_bodies(stage: Stage, method: str, path: str, kind: str) -> None:
    body = MALFORMED[kind]
    path = path.format(id=stage.number)
    headers = {"Content-Type": "application/json"}
    check_refused(stage.wheel.call(method, path, data=body, headers=headers))


@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook", "/api/v1/projects", "/api/v1/status", "/nowhere"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_of_50_mb(stage: Stage, path: str, chunked: bool) -> None:
    whole = b'{"tasks": [{"data": {"text": "' + b"x" * (50 * 2**20) + b'"}}]}'
    body: Any = (whole[start : start + 2**16] for start in range(0, len(whole), 2**16)) if chunked else whole
    answer = stage.wheel.call("POST", path, data=body, headers={"Content-Type": "application/json"})
    message = check_refused(answer, 413, 404, 405)
    if answer.status_code == 413:
        assert "bytes" in message


def test_a_body_that_is_announced_and_never_sent(stage: Stage) -> None:
    head = (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {stage.wheel.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {50 * 2**20}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", stage.wheel.port), timeout=60) as connection:
        connection.sendall(head.encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "1, 1"])
def test_a_content_length_that_is_none(stage: Stage, length: str) -> None:
    head = (
        f"POST /setup HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {stage.wheel.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{}}"
    )
    with socket.create_connection(("127.0.0.1", stage.wheel.port), timeout=60) as connection:
        connection.sendall(head.encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert 400 <= answer.status < 500


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "x/y/z"]
)
def test_another_content_type(stage: Stage, kind: str) -> None:
    # the type is ignored, as label-studio-ml does: the body decides
    good = stage.wheel.call(
        "POST", "/setup", data=json.dumps({"project": stage.reference}), headers={"Content-Type": kind}
    )
    assert good.status_code == 200, good.text
    check_refused(stage.wheel.call("POST", "/setup", data=b"project=1.2", headers={"Content-Type": kind}))


def test_a_chunked_body_is_read(stage: Stage) -> None:
    body = json.dumps(stage.request(["Where is my parcel?"])).encode()
    pieces = (body[start : start + 100] for start in range(0, len(body), 100))
    answer = stage.wheel.call("POST", "/predict", data=pieces, headers={"Content-Type": "application/json"})
    assert len(answer.json()["results"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": None}, {"tasks": {}}, {"tasks": [None]}, {"tasks": ["text"]}, {"tasks": [[]]}, {"tasks": [1, {}]},
        {"project": None}, {"project": 1}, {"project": ""}, {"project": "x" * 200}, {"project": "1.2"},
        {"project": "\x00"}, {"project": "1.2; DROP TABLE projects"}, {"project": ["1.2"]},
        {"label_config": None}, {"label_config": 3}, {"label_config": ""}, {"label_config": "<View>"},
        {"label_config": "no XML"}, {"label_config": "\x00"},
        {"label_config": "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><View><Header value='&e;'/></View>"},
        {"label_config": "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><View>&b;</View>"},
        {"label_config": "<View>" * 5000 + "</View>" * 5000},
    ],
    ids=lambda change: repr(change)[:40],
)  # fmt: skip
def test_predict_with_a_field_that_makes_no_sense(stage: Stage, change: dict[str, Any]) -> None:
    message = check_refused(stage.predict(["Where is my parcel?"], **change))
    assert "root:" not in message


STRANGE = [
    {"id": 1, "data": {"text": "Where is my parcel?"}},
    {"id": 2, "data": {}},
    {"id": 3, "data": {"text": None}},
    {"id": 4, "data": {"text": 17}},
    {"id": 5, "data": {"text": ["a", "b"]}},
    {"id": 6, "data": {"text": {"deep": {"er": 1}}}},
    {"id": 7, "data": {"text": ""}},
    {"id": 8, "data": {"text": "   \n\t "}},
    {"id": 9, "data": {"text": "\x00\x01\x02\x7f"}},
    {"id": 10, "data": {"text": "a lone \ud83d surrogate"}},
    {"id": 11, "data": {"text": "🙂" * 3000}},
    {"id": 12, "data": {"text": "x" * 100_000}},
    {"id": 13, "data": {"text": "word " * 3000}},
    {"id": 14, "data": {"text": "\u202e\u0000\ufeff\U0010ffff"}},
    {"id": 15, "data": None},
    {"id": 16, "data": "text"},
    {"id": 17, "data": []},
    {},
    {"id": None, "data": {"text": "no id"}},
    {"id": {"a": 1}, "data": {"text": "an id that is none"}},
    {"id": "x" * 10_000, "data": {"text": "a long id"}},
    {"id": 10**400, "data": {"text": "a number that no database takes"}},
    {"id": 1, "data": {"text": "an id twice"}},
    {"id": 18, "data": {"text": "annotated", "\ud800": 1}, "annotations": "all", "predictions": 5, "drafts": {}},
]


def test_one_result_for_each_task_whatever_it_is(stage: Stage) -> None:
    body = {**stage.request([]), "tasks": STRANGE}
    data = json.dumps(body).encode()
    answer = stage.wheel.call("POST", "/predict", data=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert len(results) == len(STRANGE)
    assert {one["model_version"] for one in results} == {stage.state()["version"]["current"]}
    for task, one in zip(STRANGE, results, strict=True):
        assert 0.0 <= one["score"] <= 1.0
        for region in one["result"]:
            assert region["from_name"] in ("topic", "mentions")
            assert set(region["value"].get("choices", ())) <= set(TOPICS)
        text = task["data"].get("text") if isinstance(task.get("data"), dict) else None
        if text is None or not str(text).strip():
            assert one["result"] == [], f"a suggestion for {task}"
    assert any(region["type"] == "choices" for region in results[0]["result"])


def test_no_task_at_all(stage: Stage) -> None:
    assert stage.predict([], tasks=[]).json() == {"results": []}


def test_10_000_tasks_in_one_request(stage: Stage) -> None:
    texts = [f"message {number % 50}: where is my parcel?" for number in range(10_000)]
    answer = stage.wheel.call("POST", "/predict", json=stage.request(texts), timeout=300)
    assert answer.status_code == 200, answer.text[:500]
    assert len(answer.json()["results"]) == 10_000
    check_refused(stage.predict([*texts, "one more"]), 413)


def test_labels_that_the_project_does_not_know(stage: Stage) -> None:
    config = LABEL_CONFIG.replace('value="Delivery"', 'value="Something else"').replace("Account access", "\u2620")
    answer = stage.predict(["Where is my parcel?", "I cannot log in to my account"], label_config=config)
    assert answer.status_code == 200, answer.text
    known = (set(TOPICS) - {"Delivery", "Account access"}) | {"Something else", "\u2620"}
    for one in answer.json()["results"]:
        for region in one["result"]:
            assert set(region["value"].get("choices", ())) <= known
    image = '<Image name="i" value="$image"/><RectangleLabels name="r" toName="i"><Label value="x"/></RectangleLabels>'
    other = f"<View>{image}</View>"
    assert [one["result"] for one in stage.predict(["Hello"], label_config=other).json()["results"]] == [[]]


@pytest.mark.parametrize(
    "body",
    [
        {"examples": [{}]}, {"examples": [{"key": 1, "fields": {"text": "a"}}]}, {"examples": [{"key": "1"}]},
        {"examples": [{"key": "1", "fields": {"text": 1}}]}, {"examples": [{"key": "1", "fields": []}]},
        {"examples": ["a"]}, {"examples": None}, {"examples": [{"key": "1", "fields": {"text": "a"}}] * 10_001},
    ],
    ids=lambda body: repr(body)[:50],
)  # fmt: skip
def test_examples_that_are_none(stage: Stage, body: dict[str, Any]) -> None:
    check_refused(stage.wheel.call("POST", f"/api/v1/projects/{stage.number}/suggest", json=body), 400, 413)


@pytest.mark.parametrize(
    "change",
    [
        {"tool": "no-such-tool"}, {"tool": None}, {"tool": "../label-studio"}, {"url": "ftp://tool"},
        {"url": "nowhere"},
        {"url": "http://"}, {"url": "http://tool:99999"}, {"url": "http://user:secret@tool"}, {"url": "\x00"},
        {"project": None}, {"project": 1.5}, {"project": []}, {"project": True}, {"project": ""},
        {"api_key": None}, {"api_key": 5}, {"api_key": ""}, {"options": [1]}, {"options": "x"}, {"service_url": 5},
        {"service_url": "nowhere"},
    ],
    ids=lambda change: repr(change)[:40],
)  # fmt: skip
def test_a_connection_that_makes_no_sense(stage: Stage, change: dict[str, Any]) -> None:
    body = {"tool": "label-studio", "url": "http://127.0.0.1:1", "project": "1", "api_key": "x" * 40} | change
    message = check_refused(stage.wheel.call("POST", "/api/v1/projects", json=body))
    assert "secret" not in message


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("GET", "/api/v1/projects/4711", (404,)), ("DELETE", "/api/v1/projects/4711", (404,)),
        ("GET", "/api/v1/projects/99999999999999999999999999", (404,)), ("GET", "/api/v1/projects/-1", (404,)),
        ("GET", "/api/v1/projects/one", (404,)), ("POST", "/api/v1/projects/{id}/questions/none/train", (404,)),
        ("POST", "/api/v1/projects/{id}/questions/%00/train", (400,)),
        ("POST", "/api/v1/projects/{id}/questions/..%2f..%2fetc/train", (404,)),
        ("GET", "/api/v1/projects/{id}/questions/topic/export?version=../../../etc/passwd", (404,)),
        ("GET", "/api/v1/projects/{id}/questions/topic/report?version=none", (404,)),
        ("GET", "/api/v1/projects/{id}/questions/mentions/export", (404,)),
        ("GET", "/api/v1/rounds/4711", (404,)), ("DELETE", "/api/v1/rounds/4711", (404,)),
        ("GET", "/api/v1/rounds/9223372036854775808", (404,)), ("DELETE", "/api/v1/rounds/1", (409,)),
        ("POST", "/api/v1/rounds/1/progress", (400, 401, 404)), ("GET", "/predict", (405,)), ("PUT", "/setup", (405,)),
        ("DELETE", "/health", (405,)), ("GET", "/nowhere", (404,)), ("GET", "/%00", (400,)), ("GET", "/..%2f", (404,)),
        ("GET", "/versions?project=no", (404,)), ("GET", "/versions?project=%ff%fe", (404,)),
        ("POST", "/api/v1/projects/{id}/questions/topic/rollback", (409,)),
    ],
)  # fmt: skip
def test_what_is_not_there(stage: Stage, method: str, path: str, statuses: tuple[int, ...]) -> None:
    check_refused(stage.wheel.call(method, path.format(id=stage.number)), *statuses)


def test_every_route_wants_the_credentials(stage: Stage) -> None:
    routes = [
        *(("GET", path) for path in ("/", "/health", "/versions", "/metrics", "/api/v1/status", "/nowhere")),
        *BODIED, ("DELETE", "/api/v1/projects/{id}"), ("POST", "/api/v1/projects/{id}/questions/topic/train"),
        ("GET", "/api/v1/projects/{id}/questions/topic/export"), ("POST", "/api/v1/rounds/1/progress"),
    ]  # fmt: skip
    for method, path in routes:
        url = stage.wheel.url + path.format(id=stage.number)
        # bodies that would be refused for their size are not read before the credentials are
        answer = requests.request(method, url, data=b"{", timeout=30)
        assert answer.status_code in ((401,) if "progress" not in path else (400, 401, 404)), f"{method} {path}"
        check_refused(answer)


def test_a_request_that_is_no_http(stage: Stage) -> None:
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"\x00" * 1000,
        b"GET / HTTP/9.9\r\n\r\n",
        b"A" * 70_000,
    ):
        with socket.create_connection(("127.0.0.1", stage.wheel.port), timeout=30) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(30)
            try:
                answer = connection.recv(65536)
            except ConnectionResetError:
                continue
            assert b" 200 " not in answer.partition(b"\r\n")[0], answer
            assert b"Traceback" not in answer


def test_a_mistyped_token_costs_a_connected_project_nothing(stage: Stage) -> None:
    place = ("--url", stage.studio.url, "--project", str(stage.project))
    before = stage.predict(["Where is my parcel?"]).json()
    done = stage.wheel.run("connect", "label-studio", *place, "--api-key", "mistyped")
    told = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1, told
    assert f"project {stage.number} goes on with the key that it has" in told
    assert stage.state()["state"] == "connected"
    assert stage.predict(["Where is my parcel?"]).json() == before

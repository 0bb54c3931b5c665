"""What the API says of itself: it is valid, it is all there is, and it is what the API does.

The last is for schemathesis to find out, which sends what fits the description and what does not, the same in each run.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from schemathesis.schemas import BaseSchema

from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.projects import connectors
from labelwheel.backend.settings import Settings
from labelwheel.backend.web import openapi
from tests.backend.serving.fakes import FakeEngine
from tests.backend.web.attacked_app import attacked, restore
from tests.backend.web.attacks import DATASET, JOB, TOKEN

DOCUMENT = "/api/v1/openapi.json"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 20
NO_POSITIVE = {"positive_data_acceptance": {"enabled": False}}
CONFIG = {
    "generation": {"mode": "all", "max-examples": EXAMPLES, "deterministic": True, "database": "none"},
    "phases": {"stateful": {"enabled": False}},
    # most requests should get past the address
    "dictionaries": {
        "numbers": {"values": [1]},
        "questions": {"values": ["mood", "tone/voice"]},
        "versions": {"values": ["v1", "v1001"]},
        "datasets": {"values": [DATASET]},
    },
    "parameters": {
        "path.number": {"dictionary": "numbers", "probability": 0.8},
        "path.name": {"dictionary": "questions", "probability": 0.8},
        "path.dataset": {"dictionary": "datasets", "probability": 0.8},
        "query.version": {"dictionary": "versions", "probability": 0.5},
    },
    "headers": BEARER,
    # it breaks over a WSGI application; test_access asks every route without credentials
    "checks": {"ignored_auth": {"enabled": False}},
    "operations": [
        {"include-operation-id": "api_progress", "headers": {"Authorization": f"Bearer {JOB}"}},
        # no schema tells an address that may be called from one that may not
        {"include-operation-id": "api_register", "checks": NO_POSITIVE},
        # what is in their bodies is for the tool's own protocol to say
        {"include-tag": ["label-studio", "argilla"], "checks": NO_POSITIVE},
    ],
}


@pytest.fixture(scope="module")
def app(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home = tmp_path_factory.mktemp("openapi")
    shutil.copy(sqlite_template, home / "labelwheel.db")
    with attacked(Settings(home=home, token=TOKEN, max_examples=50, max_body_mb=1)) as app:
        yield app


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    return read(app)


@pytest.fixture(scope="module")
def schema(app: Flask) -> BaseSchema:
    def restored(environ: Any, start: Any) -> Any:
        restore(app)
        return app(environ, start)

    config = SchemathesisConfig.from_dict(CONFIG)
    return schemathesis.openapi.from_wsgi(DOCUMENT, restored, headers=BEARER, config=config)


def read(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get(DOCUMENT, headers=BEARER)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    found: dict[str, Any] = answer.json
    return found


def refusal_names(document: dict[str, Any], label: str, status: int) -> str:
    """What an operation says of one of its statuses."""
    method, path = label.split(" ")
    told = document["paths"][path][method.lower()]["responses"][str(status)]
    if "$ref" in told:
        told = document["components"]["responses"][told["$ref"].rpartition("/")[2]]
    return str(told["description"])


def test_it_is_valid(schema: BaseSchema) -> None:
    schema.validate()


def test_every_route_is_described(app: Flask, document: dict[str, Any]) -> None:
    """Whoever adds a route marks it with `described`."""
    there = {
        (method.lower(), openapi.Route(rule, app.view_functions[rule.endpoint], None, None).path)  # type: ignore[arg-type]
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not getattr(app.view_functions[rule.endpoint], "page", False)
    }
    told = {(method, path) for path, operations in document["paths"].items() for method in operations}
    assert there - told == set()
    assert told - there == set()
    assert "Not described" not in document["info"]["description"]


@pytest.mark.slow
def test_the_api_does_what_it_says(schema: BaseSchema, document: dict[str, Any]) -> None:
    failed: list[str] = []
    seen: dict[str, set[int]] = defaultdict(set)
    for event in engine.from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            failed.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, FatalError):
            failed.append(repr(event.exception))
        elif isinstance(event, ScenarioFinished):
            label, checks = event.recorder.label, event.recorder.checks
            for number, sent in event.recorder.interactions.items():
                assert sent.response is not None
                status = sent.response.status_code
                seen[label].add(status)
                failed += [f"{label}: {each.failure_info.failure} {each.failure_info.code_sample}"
                           for each in checks.get(number, ()) if each.failure_info is not None]  # fmt: skip
                if status >= 400 and status != 405:
                    kind = sent.response.json()["error"]["type"]
                    if f"{kind}: " not in refusal_names(document, label, status):
                        failed.append(f"{label}: {status} is not described as {kind}")
    assert not failed, "\n\n".join(dict.fromkeys(failed))
    told = {f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations}
    assert set(seen) == told - {f"GET {DOCUMENT}"}, "schemathesis leaves out what it has read already"
    # with all that was sent, nearly every operation did what it is for
    idle = {label for label, statuses in seen.items() if not any(200 <= status < 300 for status in statuses)}
    assert idle == {"POST /argilla/{dataset}/webhook"}, "it would have to be signed"


def test_it_says_what_is_checked(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Registration"]["required"] == ["tool", "url", "project", "api_key"]
    assert schemas["Registration"]["properties"]["url"]["maxLength"] == 2000
    count = document["paths"]["/api/v1/audit"]["get"]["parameters"][0]
    assert (count["name"], count["in"], count.get("required", False)) == ("count", "query", False)
    assert count["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    rollback = document["paths"]["/api/v1/projects/{number}/questions/{name}/rollback"]["post"]
    assert rollback["requestBody"]["required"] is False
    assert "At most 65536 bytes" in rollback["requestBody"]["description"]
    assert "Conflict: Not possible in the present state" in rollback["responses"]["409"]["description"]


@pytest.mark.parametrize(
    ("method", "path", "security"),
    [
        ("get", "/api/v1/status", [{"bearer": ["admin", "reader"]}, {"basic": ["admin", "reader"]}]),
        ("post", "/api/v1/projects", [{"bearer": ["admin"]}, {"basic": ["admin"]}]),
        ("get", "/health", [{name: ["admin", "reader", "tool (predict)"]} for name in ("bearer", "basic")]),
        ("post", "/webhook", [{name: ["admin", "tool (predict)", "tool (webhook)"]} for name in ("bearer", "basic")]),
        ("post", "/api/v1/rounds/{number}/progress", [{"round": []}]),
        ("post", "/argilla/{dataset}/webhook", [{"signature": []}]),
        ("get", "/ready", []),
    ],
)
def test_it_says_who_may(document: dict[str, Any], method: str, path: str, security: list[Any]) -> None:
    assert document["paths"][path][method]["security"] == security
    assert {name for each in security for name in each} <= set(document["components"]["securitySchemes"])


def test_it_is_written_once_and_not_at_the_start(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    monkeypatch.setattr(openapi, "document", lambda *given: written.append(given) or {})
    other = create_app(app.extensions[EXTENSION].settings, FakeEngine(), start=False)
    assert not written
    read(other)
    read(other)
    assert len(written) == 1
    other.extensions[EXTENSION].queue.close()
    other.extensions[EXTENSION].database.dispose()


def test_what_another_connector_does_not_mark_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint(name="fake", value="labelwheel.plugins.testing.fake_tool:FakeConnector", group=connectors.GROUP)
    monkeypatch.setattr(connectors, "_installed", lambda: {"fake": entry})
    other = create_app(app.extensions[EXTENSION].settings, FakeEngine(), start=False)
    other.add_url_rule("/their/<int:number>/own", "theirs", lambda number: "")
    found = read(other)
    assert "- `/their/<int:number>/own`" in found["info"]["description"]
    assert not any(path.startswith("/their") for path in found["paths"])
    assert "/setup" not in found["paths"]
    other.extensions[EXTENSION].queue.close()
    other.extensions[EXTENSION].database.dispose()

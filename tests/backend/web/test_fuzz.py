"""Whatever anybody sends to whatever route: an answer in our shape, no error of ours, and /health answers on.

The routes are those of the app's own map, so a new one is attacked from its first day. Hypothesis draws the same
requests in each run; a value that was found to break something is kept in one of the lists of `attacks`.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from labelwheel.backend.app import EXTENSION
from labelwheel.backend.settings import Settings
from tests.backend.web.attacked_app import attacked, restore
from tests.backend.web.attacks import (
    BODIES,
    DATASET,
    HEADERS,
    QUERIES,
    RAW,
    TEXTS,
    TOKEN,
    Sent,
    check,
    places,
    replaced,
    requests,
    send,
    written,
)

AT_ONCE = 8
EXAMPLES = 500


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home: Path = tmp_path_factory.mktemp("fuzz")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), home / "labelwheel.db")
        url = f"sqlite:///{home / 'labelwheel.db'}"
    else:
        server, template = (request.getfixturevalue(f"postgresql_{name}") for name in ("server", "template"))
        url = server.create(f"fuzz{uuid.uuid4().hex[:8]}", template)
    settings = Settings(home=home, database=url, token=TOKEN, max_examples=50, max_body_mb=1)
    with attacked(settings) as app:
        yield app


@pytest.mark.parametrize("credentials", [True, False])
def test_no_request_breaks_anything(app: Flask, credentials: bool) -> None:
    client, routes = app.test_client(), tuple(sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule))
    asked: list[str] = []

    @rules(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(requests(routes, credentials), min_size=AT_ONCE, max_size=AT_ONCE))
    def attack(several: list[Sent]) -> None:
        restore(app)
        for sent in several:
            asked.append(sent.endpoint)
            check(sent, send(client, sent))
        health = client.get("/health", headers={"Authorization": f"Bearer {TOKEN}"})
        assert health.json["status"] == "UP"

    attack()
    assert len(asked) >= 800
    assert set(asked) == {rule.endpoint for rule in routes}
    service = app.extensions[EXTENSION]
    service.ledger.write(service.hints._waiting)  # what webhooks left for later can be written


@pytest.mark.parametrize(
    "value", [*TEXTS, *sorted(RAW), 2**63, 10**400, 1.5, [], {}, True, [{}]], ids=lambda value: f"{value!r:.20}"
)
def test_each_part_of_each_body_may_be_anything(app: Flask, value: Any) -> None:
    client = app.test_client()
    restore(app)
    for rule in app.url_map.iter_rules():
        body = BODIES.get(rule.endpoint)
        for place in places(body) if body is not None else ():
            path = (
                rule.rule.replace("<int:number>", "1").replace("<path:name>", "mood").replace("<uuid:dataset>", DATASET)
            )
            sent = Sent(rule.endpoint, "POST", path, "", {}, written(replaced(body, place, value)), True)
            check(sent, send(client, sent))


def test_each_query_and_header_may_be_anything(app: Flask) -> None:
    client = app.test_client()
    restore(app)
    queries = [(query, {}) for query in QUERIES]
    headers = [("", {name: value}) for name, values in HEADERS.items() for value in values]
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<int:number>", "1").replace("<path:name>", "mood").replace("<uuid:dataset>", DATASET)
        body = written(BODIES[rule.endpoint]) if rule.endpoint in BODIES else b""
        method = min((rule.methods or set()) - {"HEAD", "OPTIONS"})
        for query, header in headers if body else queries if method == "GET" else ():
            sent = Sent(rule.endpoint, method, path, query, header, body, True)
            check(sent, send(client, sent))

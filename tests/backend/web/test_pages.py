"""The frame of the pages: who sees them, how one signs in, and what the browser is told to refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from labelwheel.backend.app import EXTENSION
from labelwheel.backend.database.tables import Project
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import overview
from labelwheel.backend.web.pages.memo import MOST, Memo
from tests.backend.web.attacked_app import attacked
from tests.backend.web.attacks import OPEN

ADMIN, READER = "the-admins-own-token", "only-to-look-at-it"
HERE = {"Origin": "http://localhost"}
TRAIN = "/api/v1/projects/1/questions/mood/train"
NEEDS_NOBODY = {"/assets/labelwheel.css", "/sign-in", "/sign-out"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with attacked(Settings(home=tmp_path, token=ADMIN, read_token=READER)) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def sign_in(client: FlaskClient, token: str, **form: str) -> str:
    """Returns the cookie as it is set."""
    answer = client.post("/sign-in", data={"token": token, **form}, headers=HERE)
    assert answer.status_code == 303
    return str(answer.headers["Set-Cookie"])


def pages(app: Flask) -> Iterator[str]:
    filled = {"number": "1", "name": "mood", "file": "labelwheel.css", "key": "e0", "round": "1"}
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], "page", False) and "GET" in (rule.methods or ()):
            yield re.sub(r"<(?:\w+:)?(\w+)>", lambda found: filled[found[1]], rule.rule)


def test_a_browser_at_the_root_is_led_to_the_pages_and_a_tool_is_not(client: FlaskClient) -> None:
    led = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (led.status_code, led.headers["Location"]) == (302, "/overview")
    asked = client.get("/", auth=("labelwheel", ADMIN))
    assert asked.json["status"] == "UP"


def test_what_is_not_learnt_is_no_alarm(app: Flask, client: FlaskClient) -> None:
    with app.extensions[EXTENSION].database.transaction() as tx:
        tx.get_one(Project, 1).unlearnt = [{"name": "boxes", "reason": "it is about images"}]
    text = client.get("/overview", auth=("labelwheel", ADMIN)).text
    assert '<p class="dim">boxes is not learnt: it is about images</p>' in text


def test_projects_of_one_title_are_told_apart(app: Flask, client: FlaskClient) -> None:
    """Argilla has a dataset of one name in each workspace, and any number of projects may be called alike."""

    def called(query: str) -> list[str]:  # what was made a moment ago is given again
        text = client.get(f"/overview?{query}", auth=("labelwheel", ADMIN)).text
        return re.findall(r'href="/projects/\d+/learning"[^>]*>([^<]*)</a>', text.split("<main")[0])

    with app.extensions[EXTENSION].database.transaction() as tx:
        one, other = tx.query(Project).order_by(Project.id)
        one.title, other.title = "Reviews", "Tickets"
        numbers = one.id, other.id
    assert called("first") == ["Reviews", "Tickets"]
    with app.extensions[EXTENSION].database.transaction() as tx:
        tx.get_one(Project, numbers[1]).title = "Reviews"
    assert called("second") == [f"Reviews ({number})" for number in numbers]


def test_labels_of_no_use_are_counted_on_the_first_page_as_in_the_terminal(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = overview._card

    def card(*given: Any) -> dict[str, Any]:
        found = real(*given)
        for question in found["questions"]:
            question["labels"] |= {"total": 1200, "held_out": 30, "unusable": 9}
        return found

    monkeypatch.setattr(overview, "_card", card)
    assert "<dd>1,200 (30 held out, 9 unusable)</dd>" in client.get("/overview", auth=("labelwheel", ADMIN)).text


def test_no_page_is_open_to_strangers(app: Flask, client: FlaskClient) -> None:
    there = set(pages(app))
    assert there >= {"/overview", "/sign-in"}
    for path in there - NEEDS_NOBODY:
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/sign-in"), path


def test_every_page_opens_for_whoever_signed_in(app: Flask, client: FlaskClient) -> None:
    for token in (ADMIN, READER):
        sign_in(client, token)
        for path in set(pages(app)) - {"/sign-in"}:
            assert client.get(path).status_code == 200, (token, path)


def test_a_session_is_the_browsers_alone_and_ends(client: FlaskClient) -> None:
    cookie = sign_in(client, ADMIN)
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert ADMIN not in cookie
    assert "Secure" not in cookie
    assert client.get("/overview").status_code == 200
    client.post("/sign-out", headers=HERE)
    assert client.get("/overview").status_code == 302


def test_behind_tls_the_cookie_stays_there(tmp_path: Path) -> None:
    with attacked(Settings(home=tmp_path, token=ADMIN, public_url="https://wheel.test")) as app:
        assert "Secure" in sign_in(app.test_client(), ADMIN).split("; ")


def test_a_new_token_ends_the_sessions_of_the_old_one(client: FlaskClient, tmp_path: Path) -> None:
    value = sign_in(client, ADMIN).split(";")[0].split("=", 1)[1]
    with attacked(Settings(home=tmp_path / "other", token="another-token-altogether")) as app:
        other = app.test_client()
        other.set_cookie("labelwheel_session", value)
        assert other.get("/overview").status_code == 302


@pytest.mark.parametrize("cookie", ["", "x", "ImFkbWluIg.awtmaA.AAAA", "é" * 400])
def test_a_cookie_that_nobody_gave_opens_nothing(client: FlaskClient, cookie: str) -> None:
    client.set_cookie("labelwheel_session", cookie)
    assert client.get("/overview").status_code == 302
    assert client.get("/api/v1/status").status_code == 401


def test_a_readers_session_is_no_admins(client: FlaskClient) -> None:
    sign_in(client, READER)
    assert client.get("/api/v1/overview").status_code == 200
    assert client.post(TRAIN, headers=HERE).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (HERE, 202),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://elsewhere.test"}, 403),
        ({"Origin": "http://localhost:8080"}, 403),
        (HERE | {"Sec-Fetch-Site": "cross-site"}, 403),
        (HERE | {"Sec-Fetch-Site": "same-site"}, 403),
        (HERE | {"Sec-Fetch-Site": "same-origin"}, 202),
    ],
)
def test_a_session_changes_something_from_its_own_pages_alone(
    client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    sign_in(client, ADMIN)
    assert client.post(TRAIN, headers=headers).status_code == status


def test_a_page_under_the_public_name_may_press_buttons(tmp_path: Path) -> None:
    """A proxy asks by the name that it knows."""
    with attacked(Settings(home=tmp_path, token=ADMIN, public_url="https://wheel.test")) as app:
        client = app.test_client()
        cookie = sign_in(client, ADMIN).split(";")[0]
        for origin, status in (("https://wheel.test", 202), ("https://wheel.test:444", 403)):
            headers = {"Origin": origin, "Cookie": cookie}
            assert client.post(TRAIN, headers=headers).status_code == status


@pytest.mark.parametrize("token", ["", "wrong", "x" * 7000, ADMIN[:-1]])
def test_a_wrong_token_is_refused_and_noted(client: FlaskClient, token: str) -> None:
    answer = client.post("/sign-in", data={"token": token}, headers=HERE)
    assert answer.status_code == 403
    assert "LABELWHEEL_TOKEN" in answer.text
    assert "Set-Cookie" not in answer.headers
    lines = client.get("/api/v1/audit", headers={"Authorization": f"Bearer {ADMIN}"}).json["lines"]
    assert lines[0]["action"].startswith("failed to sign in") or lines[0]["action"].startswith("POST /sign-in")


def test_whoever_is_not_signed_in_cannot_send_much(app: Flask, client: FlaskClient) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint in OPEN and rule.endpoint != "pages.begin":
            method = "GET" if "GET" in (rule.methods or ()) else "POST"
            path = rule.rule.replace("<path:file>", "labelwheel.css")
            assert client.open(path, method=method, data=b"x", headers=HERE).status_code == 413, rule


def test_a_form_beyond_all_tokens_is_refused(client: FlaskClient) -> None:
    assert client.post("/sign-in", data={"token": "x" * 9000}, headers=HERE).status_code == 413


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/projects/1/learning?question=mood", "/projects/1/learning?question=mood"),
        ("", "/overview"),
        ("//evil.test", "/overview"),
        ("/\\evil.test", "/overview"),
        ("https://evil.test", "/overview"),
        ("/\t/evil.test", "/overview"),
        ("javascript:alert(1)", "/overview"),
    ],
)
def test_signing_in_leads_nowhere_else(client: FlaskClient, wanted: str, led: str) -> None:
    answer = client.post("/sign-in", data={"token": ADMIN, "next": wanted}, headers=HERE)
    assert answer.headers["Location"] == led


def test_without_a_token_this_machine_needs_no_signing_in(tmp_path: Path) -> None:
    with attacked(Settings(home=tmp_path)) as app:
        client = app.test_client()
        assert client.get("/overview").status_code == 200
        assert client.get("/sign-in").headers["Location"] == "/overview"
        assert "Sign out" not in client.get("/overview").text


def test_pages_tell_the_browser_what_to_refuse(client: FlaskClient) -> None:
    sign_in(client, ADMIN)
    answer = client.get("/overview")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<script>" not in answer.text, "the policy lets no script run that stands in a page"


def test_a_page_that_is_not_there_says_so_in_html(client: FlaskClient) -> None:
    sign_in(client, ADMIN)
    answer = client.get("/assets/nothing.css")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_a_page_that_has_not_changed_is_not_sent_again(client: FlaskClient) -> None:
    sign_in(client, ADMIN)
    first = client.get("/overview")
    again = client.get("/overview", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_the_charting_library_is_served_as_it_was_installed(client: FlaskClient) -> None:
    sign_in(client, READER)
    answer = client.get("/charts/plotly.min.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) < 2_000_000


def test_what_was_made_a_moment_ago_is_given_again() -> None:
    now, made = [0.0], list[int]()

    def make() -> int:
        made.append(1)
        return len(made)

    memo: Memo[int] = Memo(2.0, lambda: now[0])
    assert [memo.get("a", make), memo.get("a", make), memo.get("b", make)] == [1, 1, 2]
    now[0] = 1.9
    assert memo.get("a", make) == 1
    assert memo.get("a", make, anew=True) == 3
    now[0] = 4.0
    assert memo.get("a", make) == 4
    for number in range(3 * MOST):
        memo.get(number, make)
    assert len(memo._kept) == MOST
    assert not memo._locks

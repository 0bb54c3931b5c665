"""The page of searches, its JSON, and the routes that begin, end and forget them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from labelwheel.backend.app import EXTENSION
from labelwheel.backend.database.tables import Decision, QuestionRow, Round, TuningRow
from labelwheel.backend.settings import Settings
from labelwheel.backend.web.pages.frame import FRESH
from tests.backend import tuning_rows
from tests.backend.web.attacked_app import attacked

ADMIN, READER = "the-admins-own-token", "only-to-look-at-it"
MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
PATH = "/projects/1/tuning?question=mood"
API = "/api/v1/projects/1/questions/mood"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with attacked(Settings(home=tmp_path, token=ADMIN, read_token=READER)) as app:
        yield app.test_client()


def plant(client: FlaskClient, **more: str) -> int:
    with client.application.extensions[EXTENSION].database.transaction() as tx:
        return tuning_rows.plant(tx, **more)


def read(client: FlaskClient, token: str, path: str = PATH) -> str:
    answer = client.get(path, headers={"Authorization": f"Bearer {token}", FRESH: "1"})
    assert answer.status_code == 200
    return answer.text


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


@pytest.mark.parametrize("token", [ADMIN, READER])
def test_it_says_what_the_view_says(client: FlaskClient, token: str) -> None:
    assert "Nobody has searched for better settings yet" in words(read(client, token))
    plant(client)
    told = client.get(f"{API}/tuning", headers={"Authorization": f"Bearer {token}"}).json
    text = words(read(client, token))
    assert told["searches"][0]["reason"] in text
    assert "Rounds learn by: the defaults" in text
    assert f"{tuning_rows.STRATEGY}, 50% of the layers, steps × 2 3 0.800 0.396 12 complete" in text
    assert f"{tuning_rows.STRATEGY}: steps 0.750" in text


def test_buttons_are_the_admins_and_fit_what_is_going_on(client: FlaskClient) -> None:
    def buttons(token: str) -> set[tuple[str, str]]:
        found = re.findall(r'data-method="(\w+)" data-address="([^"]+)"', read(client, token))
        return {(method, address) for method, address in found if "tun" in address}

    assert buttons(ADMIN) == {("POST", f"{API}/tune")}
    number = plant(client, state="running")
    assert buttons(ADMIN) == {("DELETE", f"/api/v1/tunings/{number}")}
    assert buttons(READER) == set()
    assert "25 %, 3 trials, 8 min of jobs left" in words(read(client, READER))
    with client.application.extensions[EXTENSION].database.transaction() as tx:
        tx.get_one(TuningRow, number).state = "done"
        tx.get_one(QuestionRow, 1).tuned = {"strategy": "a"}
        tx.add(Round(project_id=1, question_id=1, trigger="tuning", recipe="auto", state="rejected", version="r77"))
        tx.flush()
        tx.get_one(TuningRow, number).round_id = tx.scalar(select(Round.id).where(Round.version == "r77"))
    assert buttons(ADMIN) == {("POST", f"{API}/tune"), ("DELETE", f"{API}/tuned")}
    assert "with it: rejected" in words(read(client, READER))


def test_texts_that_are_full_of_markup_are_texts(client: FlaskClient) -> None:
    plant(client, words=MARKUP)
    plant(client, words=MARKUP)
    page = read(client, ADMIN)
    assert "<img src=x" not in page
    assert "<script>alert" not in page


def test_a_search_is_asked_for_ended_and_forgotten(client: FlaskClient) -> None:
    admin = {"Authorization": f"Bearer {ADMIN}"}
    refused = client.post(f"{API}/tune", json={"budget": 60}, headers=admin)
    assert refused.status_code == 409
    assert "a search takes 50" in refused.json["error"]["message"]
    for body in ({"budget": 1}, {"budget": "long"}, {"trials": 0}, {"budget": 1e9}, {"trials": 501}):
        assert client.post(f"{API}/tune", json=body, headers=admin).status_code in (400, 422), body
    number = plant(client, state="queued")
    ended = client.delete(f"/api/v1/tunings/{number}", headers=admin)
    assert (ended.status_code, ended.json["state"]) == (200, "cancelled")
    assert client.delete(f"/api/v1/tunings/{number}", headers=admin).status_code == 409
    assert client.delete("/api/v1/tunings/999", headers=admin).status_code == 404
    assert client.delete(f"{API}/tuned", headers=admin).json == {"forgotten": False}
    with client.application.extensions[EXTENSION].database.transaction() as tx:
        tx.get_one(QuestionRow, 1).tuned = {"strategy": "a"}
    assert client.delete(f"{API}/tuned", headers=admin).json == {"forgotten": True}
    with client.application.extensions[EXTENSION].database.session() as session:
        kinds = list(session.scalars(select(Decision.kind).order_by(Decision.id.desc()).limit(2)))
    assert kinds == ["tuning forgotten", "tuning ended"]

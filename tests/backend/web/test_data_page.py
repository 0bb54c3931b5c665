"""The page Data shows examples to the admin, keys and labels to a reader, and no markup to anybody."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.database.tables import AuditLine, CheckpointRow, Event, ExampleRow, Project, QuestionRow, now
from labelwheel.backend.ledger import impressions, shown_order
from labelwheel.backend.ledger.shown_order import Proposed
from labelwheel.backend.settings import Settings
from labelwheel.plugins.label_studio.connector import LabelStudio
from tests.backend import inspection_rows, reported
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage

PAGE, EXAMPLE = "/projects/1/data?question=mood", "/projects/1/data/e0"
ADMIN, READER = {"Authorization": "Bearer the-admins-own-token"}, {"Authorization": "Bearer only-to-look-at-it"}
TEXT = f"a private text {reported.MARKUP}"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(Settings(home=tmp_path, token="the-admins-own-token", read_token="only-to-look-at-it"))
    made.connect("mood", title=reported.MARKUP)
    with made.database.transaction() as tx:
        row = tx.scalars(select(QuestionRow)).one()
        row.spec = {**row.spec, "options": [{"value": reported.MARKUP}, {"value": "bad"}]}
    made.label("mood", {TEXT: reported.MARKUP, "another text of somebody": "bad"})
    return made


@pytest.fixture
def client(stage: Stage) -> Iterator[FlaskClient]:
    app = create_app(stage.settings, FakeEngine(), start=False)
    yield app.test_client()
    app.extensions[EXTENSION].queue.close()


def doubt(stage: Stage) -> None:
    stage.promote({"mood": "v1"})
    error = {
        "key": "e0", "text": TEXT, "answer": reported.MARKUP, "suggestion": "bad", "labelled": reported.MARKUP,
        "would_say": "bad", "probability": 0.875, "score": 0.8,
        "nearest": [{"key": "e1", "text": "another text of somebody", "answer": "bad", "cosine": 0.7}],
    }  # fmt: skip
    with stage.database.transaction() as tx:
        section = {"looked_at": 40, "suspected": 3, "labels": [error]}
        checkpoint = tx.scalars(select(CheckpointRow)).one()
        inspection_rows.add(tx, checkpoint, {"label_errors": section}, last_event_id=99)


def test_the_page_says_what_the_view_says(client: FlaskClient) -> None:
    text = unescape(client.get(PAGE, headers=ADMIN).text)
    found = client.get("/api/v1/projects/1/examples?question=mood", headers=ADMIN).json
    assert [one["key"] for one in found["examples"]] == ["e0", "e1"]
    for one in found["examples"]:
        assert f'<a href="/projects/1/data/{one["key"]}">' in text
        assert one["text"] in text
    text = client.get(f"{PAGE}&text=ANOTHER", headers=ADMIN).text
    assert "/projects/1/data/e1" in text
    assert "/projects/1/data/e0" not in text
    assert "e0" not in client.get(f"{PAGE}&label=bad&says=&side=&after=", headers=ADMIN).text


def propose(stage: Stage) -> None:
    """An order in which somebody's markup is suggested, to examples of which nobody has labelled any."""
    with stage.database.transaction() as tx:
        for number in range(51):
            facts = {"fields": {"text": f"{TEXT} {number}"}, "part": "train", "digest": "", "group": f"o{number}"}
            tx.add(ExampleRow(project_id=1, key=f"open{number}", **facts))
        said = f"mood {reported.MARKUP}", f"mood a private text {reported.MARKUP}"
        proposed = [Proposed(f"open{number}", 0.125, said) for number in range(51)]
        shown_order.keep(tx, 1, reported.MARKUP, proposed)


def test_the_least_sure_are_listed_in_their_order(stage: Stage, client: FlaskClient) -> None:
    address = f"{PAGE}&list=least-sure"
    assert "Nothing is ordered yet" in client.get(address, headers=ADMIN).text
    propose(stage)
    fresh = ADMIN | {"X-Labelwheel-Fresh": "1"}
    text = unescape(client.get(address, headers=fresh).text)
    found = client.get("/api/v1/projects/1/least-sure", headers=ADMIN).json
    assert [one["place"] for one in found["examples"]] == list(range(1, 51))
    places = [text.index(f'<a href="/projects/1/data/{one["key"]}">') for one in found["examples"]]
    assert places == sorted(places)
    assert ">0.125<" in text
    assert found["examples"][0]["text"] in text
    assert "51 examples of it are still to be labelled" in text
    assert "&list=least-sure&after=50" in text
    text = client.get(f"{address}&after={found['next']}", headers=ADMIN).text
    assert "/projects/1/data/open50" in text
    assert "/projects/1/data/open49" not in text
    assert "The first ones" in text


def test_the_order_is_json_for_a_reader_without_texts(stage: Stage, client: FlaskClient) -> None:
    propose(stage)
    found = client.get("/api/v1/projects/1/least-sure?after=40", headers=READER)
    assert "private text" not in found.text
    assert found.json["next"] is None
    assert found.json["examples"][0] == {
        "place": 41, "key": "open40", "text": None, "score": 0.125,
        "suggested": [{"question": "mood", "says": reported.MARKUP}],
    }  # fmt: skip
    address = "/api/v1/projects/1/least-sure"
    assert "private text" in client.get(address, headers=ADMIN).text
    with stage.database.session() as session:
        assert [line.action for line in session.scalars(select(AuditLine))] == [f"GET {address}"]
    assert client.get("/api/v1/projects/9/least-sure", headers=READER).status_code == 404


@pytest.mark.parametrize("listed", ["", "&list=least-sure", "&list=label-errors", "&list=disagreements"])
def test_markup_comes_out_as_text(stage: Stage, client: FlaskClient, listed: str) -> None:
    doubt(stage)
    propose(stage)
    for address in (f"{PAGE}{listed}", EXAMPLE):
        answer = client.get(address, headers=ADMIN)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text


def test_a_reader_sees_no_texts_and_no_names(stage: Stage, client: FlaskClient) -> None:
    doubt(stage)
    propose(stage)
    for listed in ("", "&text=zzz&annotator=zzz", "&list=least-sure", "&list=label-errors", "&list=disagreements"):
        answer = client.get(f"{PAGE}{listed}", headers=READER)
        assert answer.status_code == 200
        for secret in ("private text", "another text", ">ann<", 'name="text"', 'name="annotator"', "data-method"):
            assert secret not in answer.text, (listed, secret)
    assert "/projects/1/data/e1" in client.get(f"{PAGE}&text=zzz", headers=READER).text
    answer = client.get(EXAMPLE, headers=READER)
    assert "private text" not in answer.text
    assert ">ann<" not in answer.text
    for address in ("examples", "examples/e0"):
        assert client.get(f"/api/v1/projects/1/{address}", headers=READER).status_code == 403


def test_examples_are_sought_by_their_score(stage: Stage, client: FlaskClient) -> None:
    with stage.database.transaction() as tx:
        impressions.note(tx, 1, "v1", {"e1": {"mood": "bad"}}, now(), {"e1": {"mood": 0.375}})
    fresh = READER | {"X-Labelwheel-Fresh": "1"}
    text = client.get(f"{PAGE}&score_from=&score_to=&side=", headers=fresh).text
    assert 'name="score_from" type="number" min="0" max="1" step="any" value=""' in text
    assert ">0.375<" in text
    assert "/projects/1/data/e0" in text
    text = client.get(f"{PAGE}&score_from=.3&score_to=4e-1", headers=fresh).text
    assert 'value="0.3"' in text
    assert "/projects/1/data/e1" in text
    assert "/projects/1/data/e0" not in text
    assert "No example fits" in client.get(f"{PAGE}&score_to=0.3", headers=fresh).text
    found = client.get("/api/v1/projects/1/examples?score_from=0.3", headers=ADMIN).json["examples"]
    assert [(one["key"], one["suggested"]["score"]) for one in found] == [("e1", 0.375)]


def test_an_example_has_its_history_and_its_place_in_the_tool(stage: Stage, client: FlaskClient) -> None:
    text = client.get(EXAMPLE, headers=ADMIN).text
    assert "a private text" in text
    assert "<td>ann</td>" in text
    assert '<a href="http://tool.test/1.99/projects/1/data?task=e0"' in text
    assert client.get("/api/v1/projects/1/examples/e0", headers=ADMIN).json["events"][0]["annotator"] == "ann"
    assert client.get("/projects/1/data/nothing", headers=ADMIN).status_code == 404


@pytest.mark.parametrize(("answer", "more"), [(4, False), ("good", False), (["good"], True), ([{"start": 0}], True)])
def test_what_is_one_value_is_not_shown_in_full_again(
    stage: Stage, client: FlaskClient, answer: Any, more: bool
) -> None:
    with stage.database.transaction() as tx:
        tx.execute(update(Event).values(answer=answer))
    assert ("<summary>in full</summary>" in client.get(EXAMPLE, headers=ADMIN).text) is more


def test_an_address_that_is_no_web_page_is_no_link(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabelStudio, "link", lambda self, key: "javascript:alert(1)")
    assert "javascript:" not in client.get(EXAMPLE, headers=ADMIN).text


def test_label_errors_are_sent_back_and_taken_back(stage: Stage, client: FlaskClient) -> None:
    doubt(stage)
    address = f"{PAGE}&list=label-errors"
    text = unescape(client.get(address, headers=ADMIN).text)
    assert "0.875" in text
    assert 'data-address="/api/v1/projects/1/label-errors/send-back"' in text
    assert '{"questions": ["mood"]}' in text
    with stage.database.transaction() as tx:
        tx.get_one(Project, 1).sent_back = {"questions": ["tone", "mood"], "by": "admin", "keys": None}
    text = unescape(client.get(address, headers=ADMIN | {"X-Labelwheel-Fresh": "1"}).text)
    assert "Take them back" in text
    assert '{"questions": ["tone"]}' in text, "those of other questions stay"


@pytest.mark.parametrize(
    "wrong", ["list=no", "side=no", "after=x", "version=%00", "score_to=1.1", "score_to=nan", "score_from=1-1"]
)
def test_what_cannot_be_asked_is_refused(client: FlaskClient, wrong: str) -> None:
    assert client.get(f"{PAGE}&{wrong}", headers=ADMIN).status_code == 400


def test_the_audit_log_says_who_looked_at_texts(client: FlaskClient) -> None:
    for address in (PAGE, PAGE, EXAMPLE, "/projects/1/quality"):
        for who in (ADMIN, READER):
            assert client.get(address, headers=who).status_code == 200
    lines = client.get("/api/v1/audit?project=1", headers=ADMIN).json["lines"]
    assert [(one["role"], one["action"]) for one in lines if one["action"].startswith("GET")] == [
        ("admin", f"GET {EXAMPLE}"), *[("admin", "GET /projects/1/data")] * 2,
    ]  # fmt: skip

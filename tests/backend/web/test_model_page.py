"""The page has the card, the lineage, downloads and a box to try a text in; the latter for the admin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.settings import Settings
from tests.backend import reported
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage

PAGE, API = "/projects/1/model?question=mood", "/api/v1/projects/1/questions/mood/model"
ADMIN, READER = {"Authorization": "Bearer the-admins-own-token"}, {"Authorization": "Bearer only-to-look-at-it"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(Settings(home=tmp_path, token="the-admins-own-token", read_token="only-to-look-at-it"))
    made.connect("mood", "tone/voice", title=reported.MARKUP)
    reported.promote(made)
    return made


@pytest.fixture
def client(stage: Stage) -> Iterator[FlaskClient]:
    app = create_app(stage.settings, FakeEngine(), start=False)
    app.extensions[EXTENSION].served_models.follow()
    yield app.test_client()
    app.extensions[EXTENSION].queue.close()


def test_the_page_says_what_the_view_says(client: FlaskClient) -> None:
    text, found = client.get(PAGE, headers=ADMIN).text, client.get(API, headers=ADMIN).json
    assert found["card"]["score"]["score"] == 0.765
    for said in ("macro f1 .77 (.60–.90)", "80 train", "/home/somebody/base", *found["card"]["use"]):
        assert said in text, said
    assert "Weakest: a|b &lt;c&gt; (F1 0.10)." in text
    assert text.count("<circle") == len(found["lineage"]["nodes"]) == 1


def test_what_it_links_to_is_there(client: FlaskClient) -> None:
    text = client.get(PAGE, headers=ADMIN).text
    for address in ("export?version=v1", "report.md?version=v1", "labels"):
        path = f"/api/v1/projects/1/questions/mood/{address}"
        assert f'href="{path}" download' in text
        if "report" not in address:  # this checkpoint has none for people
            assert client.get(path, headers=ADMIN).status_code == 200


def test_a_text_is_tried_with_the_fields_that_the_question_reads(stage: Stage, client: FlaskClient) -> None:
    text = client.get(PAGE, headers=ADMIN).text
    assert 'data-explain="/api/v1/projects/1/questions/mood/explain"' in text
    assert 'name="text"' in text
    answer = client.post("/api/v1/projects/1/questions/mood/explain", headers=ADMIN, json={"fields": {"text": "hello"}})
    assert answer.status_code == 200
    with stage.database.transaction() as tx:
        row = tx.scalars(select(QuestionRow).filter_by(name="mood")).one()
        row.spec = {**row.spec, "inputs": ["left", "right"], "titles": ["One", "Other"]}
    text = client.get(PAGE, headers=ADMIN | {"X-Labelwheel-Fresh": "1"}).text
    for number, (name, title) in enumerate((("left", "One"), ("right", "Other")), 1):
        assert f'<label for="try-{number}">{title}</label>' in text
        assert f'id="try-{number}" name="{name}"' in text


def test_a_reader_sees_the_card_and_can_try_and_take_nothing(client: FlaskClient) -> None:
    answer = client.get(PAGE, headers=READER)
    assert answer.status_code == 200
    assert ".77 (.60–.90)" in answer.text
    for hidden in ("somebody", "data-explain", "<textarea", " download>", "try_text.js"):
        assert hidden not in answer.text, hidden
    assert client.get(API, headers=READER).json["card"]["settings"] == {}


def test_markup_comes_out_as_text(stage: Stage, client: FlaskClient) -> None:
    with stage.database.transaction() as tx:
        row = tx.scalars(select(QuestionRow).filter_by(name="mood")).one()
        row.spec = {**row.spec, "inputs": [reported.MARKUP], "titles": [reported.MARKUP]}
        found = tx.scalars(select(CheckpointRow).filter_by(version="v1")).one()
        tx.add(
            CheckpointRow(
                question_id=row.id, version=reported.MARKUP, folder="v2", recipe="auto", parent_id=found.id,
                metric=reported.MARKUP, score=0.5,
            )
        )  # fmt: skip
    text = client.get(PAGE, headers=ADMIN).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5


def test_without_a_champion_it_says_what_comes(client: FlaskClient) -> None:
    answer = client.get("/projects/1/model?question=tone%2Fvoice", headers=ADMIN)
    assert answer.status_code == 200
    assert "nothing is served for this question yet" in answer.text
    assert "<textarea" not in answer.text


def test_the_script_puts_peoples_texts_into_the_page_as_text_alone(client: FlaskClient) -> None:
    script = client.get("/assets/try_text.js").text
    assert "textContent" in script
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert name not in script, name

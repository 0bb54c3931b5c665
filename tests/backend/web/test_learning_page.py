"""The page of how a question is learnt: what the view says, and names that are full of markup as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from labelwheel.backend.app import EXTENSION
from labelwheel.backend.database.tables import Label, Project, Round, now
from labelwheel.backend.settings import Settings
from labelwheel.backend.web.pages import learning as page
from tests.backend.web.attacked_app import attacked

ADMIN, READER = "the-admins-own-token", "only-to-look-at-it"
MARKUP = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>')
PATH = "/projects/1/learning"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    with attacked(Settings(home=tmp_path, token=ADMIN, read_token=READER)) as app:
        with app.extensions[EXTENSION].database.transaction() as tx:
            tx.get_one(Project, 1).title = MARKUP[0]
            rows = [
                {
                    "project_id": 1, "question": "mood", "example_key": f"m{number}", "work_key": f"m{number}",
                    "annotator": MARKUP[1], "answer": value, "origin": "accepted", "version": MARKUP[1],
                    "blind": False, "made_at": now(), "event_id": 100 + number,
                }
                for number, value in enumerate(MARKUP)
            ]  # fmt: skip
            tx.execute(insert(Label), rows)
            tx.add(
                Round(
                    project_id=1, question_id=1, trigger="labels", recipe="auto", state="rejected", version="r9",
                    label_count=40, score=0.625, low=0.5, high=0.75, reason=MARKUP[0],
                )
            )  # fmt: skip
        yield app.test_client()


def read(client: FlaskClient, token: str, path: str = PATH) -> str:
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return answer.text


def test_how_much_of_a_text_was_changed_stands_beside_what_was_accepted() -> None:
    line = {"version": "lw-1", "accepted": 3, "changed": 1, "made": 2, "rate": 0.75, "edited": None}
    plain, told = (page._accepted({"acceptance": [line | {"edited": edited}]}) for edited in (None, 0.0834))
    assert (plain["columns"], plain["rows"]) == (
        ["version", "accepted", "changed", "rate", "made without one"], [["lw-1", 3, 1, "75 %", 2]],
    )  # fmt: skip
    assert dict(zip(told["columns"], told["rows"][0], strict=True))["of the text changed"] == "8 %"


@pytest.mark.parametrize("token", [ADMIN, READER])
def test_it_says_what_the_view_says(client: FlaskClient, token: str) -> None:
    told = client.get("/api/v1/projects/1/questions/mood/learning", headers={"Authorization": f"Bearer {token}"}).json
    text = " ".join(re.sub(r"<[^>]*>", " ", read(client, token)).split())
    assert told["outlook"]["reason"] in text
    assert "40 0.625 0.500–0.750 rejected r9" in text
    assert [each["state"] for each in told["rounds"]].count("rejected") == 1
    assert "thirty timed answers" in text
    assert "1–3 20" in text  # three labels, in one bin


@pytest.mark.parametrize("path", [PATH, f"{PATH}?question=mood", f"{PATH}?question=tone/voice"])
def test_markup_is_text(client: FlaskClient, path: str) -> None:
    text = read(client, ADMIN, path)
    assert "<script>alert" not in text
    assert "<img" not in re.sub(r'<img src="/assets', "", text)
    assert "&lt;script&gt;alert(1)" in text


def test_promoted_and_rejected_differ_in_colour_and_shape(client: FlaskClient) -> None:
    text = read(client, ADMIN)
    assert "circle" in text
    assert "&#34;symbol&#34;: &#34;x&#34;" in text


def test_what_is_not_asked_is_not_found(client: FlaskClient) -> None:
    for path in (f"{PATH}?question=other", "/projects/99/learning"):
        assert client.get(path, headers={"Authorization": f"Bearer {ADMIN}"}).status_code == 404


def test_scores_with_fewer_labels_stand_beside_the_rounds(client: FlaskClient) -> None:
    app = client.application
    with app.extensions[EXTENSION].database.transaction() as tx:
        found = tx.query(Round).filter_by(version="r9").one()
        found.learning_curve = [{"labels": 12, "score": 0.375, "low": 0.25, "high": 0.5}]
    text = " ".join(re.sub(r"<[^>]*>", " ", read(client, READER)).split())
    assert "12 0.375 0.250–0.500 heads on some of the labels" in text
    assert "diamond" in read(client, READER)

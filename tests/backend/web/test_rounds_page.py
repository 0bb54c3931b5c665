"""The pages of rounds: what the views say, buttons for the admin alone, and markup as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.database.tables import Decision, Project, Round, now
from labelwheel.backend.rounds import jobs
from labelwheel.backend.settings import Settings
from tests.backend import reported
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage
from tests.backend.web.attacked_app import attacked

ADMIN, READER = "the-admins-own-token", "only-to-look-at-it"
MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
LOG = "/projects/1/rounds"
OLD = {"trials": [{"name": "head"}], "training_curve": [{"epoch": 1.0}], "champion": {"classes": [{"label": "good"}]}}
FULL = reported.REPORT | {
    "trials": [{"name": "a head", "score": 0.765, "seconds": 12.0, "detail": "frozen"}],
    "chosen": "a head",
    "training_curve": [{"epoch": 1.0, "train_loss": 0.5, "validation_loss": 0.6, "score": 0.7}],
    "training_verdict": {"verdict": "sound", "reason": "It has learnt what it can."},
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    settings = Settings(home=tmp_path, token=ADMIN, read_token=READER)
    with attacked(settings) as app:
        with app.extensions[EXTENSION].database.transaction() as tx:
            tx.get_one(Project, 1).title = MARKUP
            gate = {
                "round": 2, "verdict": "no_better", "examples": 18, "groups": 17, "challenger_score": 0.625,
                "champion_score": 0.75, "difference": -0.125, "low": -0.25, "high": 0.0, "p_value": 0.5,
                "allowed": 0.05, "look": 1,
                "classes": [{"label": MARKUP, "gold": 9, "champion_f1": 0.5, "challenger_f1": 0.25,
                                        "low": -0.4, "high": -0.1, "collapsed": True}],
            }  # fmt: skip
            common = {"project_id": 1, "trigger": "labels", "recipe": "auto"}
            tx.add(Round(question_id=1, state="rejected", version="r2", reason=MARKUP, ended_at=now(), **common))
            tx.add(
                Round(question_id=2, state="running", version="r3", progress=0.375, metrics={MARKUP: MARKUP}, **common)
            )
            tx.flush()
            tx.add(Decision(project_id=1, question="mood", kind="rejected", reason=MARKUP, details=gate))
            tx.add(Decision(project_id=1, question=MARKUP, kind=MARKUP, reason=MARKUP))
        folder = jobs.folder(settings, 2)
        folder.mkdir(parents=True)
        (folder / "log").write_text(f"its last words {MARKUP}")
        yield app.test_client()


def read(client: FlaskClient, token: str, path: str) -> str:
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return answer.text


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_buttons_are_the_admins(client: FlaskClient) -> None:
    found, looked = (read(client, token, LOG) for token in (ADMIN, READER))
    for address in ("/api/v1/projects/1/questions/mood/train", "/api/v1/rounds/3"):
        assert f'data-address="{address}"' in found
    assert "/api/v1/rounds/3/promote" not in found, "it is not held"
    assert "data-address" not in looked
    assert "38 %" in words(found)
    assert "rejected" in words(looked)
    assert "data-address" not in read(client, READER, f"{LOG}/3")


def test_what_is_held_is_promoted_by_the_admins_button(client: FlaskClient) -> None:
    address = 'data-address="/api/v1/rounds/3/promote"'
    with client.application.extensions[EXTENSION].database.transaction() as tx:
        found = tx.get_one(Round, 3)
        found.state, found.held_until = "held", now()
    assert address in read(client, ADMIN, LOG)
    assert address not in read(client, READER, LOG)


def test_a_score_without_a_report_is_named_once(client: FlaskClient) -> None:
    with client.application.extensions[EXTENSION].database.transaction() as tx:
        found = tx.get_one(Round, 2)
        found.score, found.low, found.high = 0.5, 0.25, 0.75
    text = words(read(client, READER, f"{LOG}/2"))
    assert "score 0.500 0.25–0.75" in text
    assert "score score" not in text


def test_the_log_is_filtered(client: FlaskClient) -> None:
    assert "round 2" in words(read(client, READER, f"{LOG}?question=mood&kind=rejected"))
    assert "Nothing was decided" in read(client, READER, f"{LOG}?question=mood&kind=promoted")
    assert "round 2" in words(read(client, READER, f"{LOG}?question=&kind="))
    for query in ("question=other", "before=x", "before=0"):
        assert client.get(f"{LOG}?{query}", headers={"Authorization": f"Bearer {ADMIN}"}).status_code in (400, 404)


def test_a_round_opens_into_the_gates_numbers(client: FlaskClient) -> None:
    text = words(read(client, READER, f"{LOG}/2"))
    for said in ("no better", "18 examples, 17 of them independent", "0.625", "0.750", "-0.125", "collapsed"):
        assert said in text
    assert "its last words" not in text
    assert "its last words" in words(read(client, ADMIN, f"{LOG}/2"))


@pytest.mark.parametrize("report", [{}, OLD, FULL], ids=["nothing", "old", "full"])
def test_a_report_shows_what_it_has(tmp_path: Path, report: dict[str, Any]) -> None:
    settings = Settings(home=tmp_path)
    stage = Stage(settings)
    stage.connect("mood")
    reported.promote(stage, report=report, inspect=False)
    with stage.database.transaction() as tx:
        row = Round(project_id=1, question_id=1, trigger="labels", recipe="auto", version="v1", state="promoted")
        tx.add(row)
    app = create_app(settings, FakeEngine(), start=False)
    text = words(app.test_client().get(f"{LOG}/1").text)
    app.extensions[EXTENSION].queue.close()
    assert "Round 1 · mood" in text
    assert ("What was tried" in text) == bool(report)
    if report is FULL:
        for said in ("a head (chosen)", "0.765", "Training curve: sound", "41 s", "1,024 MiB", "it was best", "rough"):
            assert said in text


def test_a_round_of_another_project_is_not_found(client: FlaskClient) -> None:
    for path in ("/projects/2/rounds/2", f"{LOG}/99"):
        assert client.get(path, headers={"Authorization": f"Bearer {ADMIN}"}).status_code == 404


@pytest.mark.parametrize("path", [LOG, f"{LOG}/2", f"{LOG}/3"])
def test_markup_is_text(client: FlaskClient, path: str) -> None:
    text = read(client, ADMIN, path)
    assert "<script>alert" not in text
    assert "<img" not in re.sub(r'<img src="/assets', "", text)
    assert "&lt;script&gt;alert(1)" in text

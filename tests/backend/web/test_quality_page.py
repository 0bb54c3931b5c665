"""The page says what the view says, and nothing of it becomes markup."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.settings import Settings
from tests.backend import reported
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage

PAGE, API = "/projects/1/quality?question=mood", "/api/v1/projects/1/questions/mood/quality"
ADMIN, READER = {"Authorization": "Bearer the-admins-own-token"}, {"Authorization": "Bearer only-to-look-at-it"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(Settings(home=tmp_path, token="the-admins-own-token", read_token="only-to-look-at-it"))
    made.connect("mood", "tone/voice", title=reported.MARKUP)
    return made


@pytest.fixture
def client(stage: Stage) -> Iterator[FlaskClient]:
    app = create_app(stage.settings, FakeEngine(), start=False)
    yield app.test_client()
    app.extensions[EXTENSION].queue.close()


def test_the_page_says_what_the_view_says(stage: Stage, client: FlaskClient) -> None:
    reported.promote(stage)
    text, found = unescape(client.get(PAGE, headers=ADMIN).text), client.get(API, headers=ADMIN).json
    assert f"{found['score']['value']:.3f}" == "0.765"
    assert "macro f1 0.765" in text
    for row in found["classes"][:2]:
        assert f"<td>{row['precision']:.3f}" in text
        assert f"<td>{row['train']}</td>" in text
    for said in ("the same answer to all", "+0.250", "typing errors", "refund", "worse than the rest", "annotator ann"):
        assert said in text, said
    assert "All suggestions are shown, however unsure (a wrong one costs no more than none); below .30 as" in text
    assert "4 of 20 (20 %) on the measured examples." in text
    assert "3 times good for bad" in text
    assert "/projects/1/data?question=mood&side=held_out&label=bad&says=good" in text
    assert "slice=length%3Dunder+40+characters" in text
    assert "slice=annotator" not in text
    assert "data-chart" in text


SEEDS = reported.FOUND["sensitivity"]["seed"]["seeds"]


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        (
            {},
            "Fitted with 5 other seeds, the toy scores 0.750 ± 0.031 (0.700 to 0.780), and 6 % of the answers differ. "
            "What is served has 0.765 on the same 20 examples.",
        ),
        (
            {"fixed": True, "drawn": SEEDS | {"mean": 0.65}},
            "The seed changes nothing: the toy, fitted with 5 others, answers the same each time. With labels drawn "
            "anew (5 bootstraps) it scores 0.650 ± 0.031 (0.700 to 0.780), and 6 % of the answers differ.",
        ),
        (
            {"seeds": None, "problem": "it would take about 40 minutes", "minutes": 40},
            "How much the seed matters was not measured for the toy: it would take about 40 minutes.",
        ),
    ],
)
def test_what_the_seed_does_is_said(stage: Stage, client: FlaskClient, seed: dict[str, Any], said: str) -> None:
    before = reported.FOUND["sensitivity"]
    reported.promote(stage, found=reported.FOUND | {"sensitivity": before | {"seed": before["seed"] | seed}})
    assert said in " ".join(unescape(client.get(PAGE, headers=ADMIN).text).split())


def test_an_older_inspection_says_nothing_of_the_seed(stage: Stage, client: FlaskClient) -> None:
    old = {name: value for name, value in reported.FOUND["sensitivity"].items() if name != "seed"}
    reported.promote(stage, found=reported.FOUND | {"sensitivity": old})
    assert client.get(API, headers=ADMIN).json["sensitivity"]["seed"] is None
    text = client.get(PAGE, headers=ADMIN).text
    assert "What the score hangs on" in text
    assert "seed" not in text.partition("What the score hangs on")[2].partition("<h3>")[0]


def test_of_what_was_not_measured_there_are_no_figures(stage: Stage, client: FlaskClient) -> None:
    classes = [{**row, "support": 0, "predicted": 0, "f1": None} for row in reported.REPORT["classes"]]
    reported.promote(stage, report=reported.REPORT | {"headline": None, "classes": classes, "confusions": []})
    text = client.get(PAGE, headers=ADMIN).text
    assert "<h2>Classes</h2>" not in text
    assert "the numbers are rough" not in text
    assert "A closer look" in text


def test_a_reader_sees_figures_and_no_names(stage: Stage, client: FlaskClient) -> None:
    reported.promote(stage)
    answer = client.get(PAGE, headers=READER)
    assert answer.status_code == 200
    assert "0.765" in answer.text
    assert "refund" not in answer.text
    assert "annotator" not in answer.text
    assert client.get(API, headers=READER).json["weak"]["rows"][0]["words"] == []


def test_markup_comes_out_as_text(stage: Stage, client: FlaskClient) -> None:
    report = {**reported.REPORT, "notes": [reported.MARKUP]}
    report["classes"] = [{**reported.REPORT["classes"][0], "label": reported.MARKUP}]
    report["confusions"] = [{"gold": reported.MARKUP, "predicted": "bad", "count": 2}]
    reported.promote(stage, report=report)
    with stage.database.transaction() as tx:
        row = tx.scalars(select(QuestionRow).filter_by(name="mood")).one()
        row.spec = {**row.spec, "options": [{"value": reported.MARKUP}, {"value": "bad"}]}
    text = client.get(PAGE, headers=ADMIN).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 5


def test_what_was_measured_by_cross_validation_is_sought_on_every_side(stage: Stage, client: FlaskClient) -> None:
    reported.promote(stage, report=reported.REPORT | {"measured_on": "cross_validation"})
    text = unescape(client.get(PAGE, headers=ADMIN).text)
    assert "/projects/1/data?question=mood&label=bad&says=good" in text
    assert "side=held_out" not in text


def test_without_a_champion_it_says_what_to_do(client: FlaskClient) -> None:
    answer = client.get("/projects/1/quality?question=tone%2Fvoice", headers=ADMIN)
    assert answer.status_code == 200
    assert "nothing is served for this question yet" in answer.text
    assert "A closer look" not in answer.text


@pytest.mark.parametrize("address", ["/projects/9/quality", "/projects/1/quality?question=no", f"{PAGE}&version=v9"])
def test_what_is_not_there_is_not_found(client: FlaskClient, address: str) -> None:
    assert client.get(address, headers=ADMIN).status_code == 404

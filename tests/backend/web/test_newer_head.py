"""The head that answers in a champion's place is told of, and goes along with it: what people see is what they take."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from labelwheel.backend.app import create_app
from labelwheel.backend.settings import Settings
from labelwheel.backend.views import wording
from labelwheel.training.checkpoints import layered_head
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage

QUESTION = "/api/v1/projects/1/questions/mood"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood", "tone")
    stage.promote({"mood": "v1", "tone": "v1001"})
    yield stage
    stage.database.dispose()


@pytest.fixture
def client(stage: Stage) -> Iterator[FlaskClient]:
    app = create_app(stage.settings, FakeEngine(), start=False)
    yield app.test_client()
    app.extensions["labelwheel"].queue.close()


def taken(client: FlaskClient, **query: str) -> tuple[str, dict[str, bytes]]:
    """The version that an export says it is, and its files."""
    answer = client.get(f"{QUESTION}/export", query_string=query)
    assert answer.status_code == 200
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as archive:
        files = {each.name: archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]
    return answer.headers["X-Labelwheel-Version"], files


def test_an_export_has_the_head_that_answers_and_its_card_says_so(client: FlaskClient, stage: Stage) -> None:
    assert layered_head.FILE not in taken(client)[1]
    head = stage.revise("mood", b"what 45 labels taught")
    version, files = taken(client)
    assert (version, files[layered_head.FILE]) == (head, b"what 45 labels taught")
    card = " ".join(files["README.md"].decode().split())
    assert "It has learnt from 45 labels" in card
    assert "+0.210 ± 0.060 for each of 45 labels that it has not seen" in card
    folder = stage.settings.checkpoints.folder / "v1"
    assert not (folder / layered_head.FILE).exists(), "the checkpoint stays as it is"
    assert not list(stage.settings.home.glob(".export-*"))


def test_a_label_more_makes_another_export(client: FlaskClient, stage: Stage) -> None:
    tags = [client.head(f"{QUESTION}/export").headers["ETag"]]
    for labels in (45, 46):
        stage.revise("mood", labels=labels)
        tags.append(client.head(f"{QUESTION}/export").headers["ETag"])
    assert len(set(tags)) == 3
    assert client.get(f"{QUESTION}/export", headers={"If-None-Match": tags[-1]}).status_code == 304


def test_whoever_names_a_version_gets_that_alone(client: FlaskClient, stage: Stage) -> None:
    stage.revise("mood")
    version, files = taken(client, version="v1")
    assert version == "v1"
    assert layered_head.FILE not in files


def test_a_head_that_stands_on_another_champion_answers_nothing(client: FlaskClient, stage: Stage) -> None:
    stage.revise("mood")
    stage.revise("tone")
    stage.promote({"mood": "v2"})
    version, files = taken(client)
    assert version == "v2"
    assert layered_head.FILE not in files
    assert client.get(f"{QUESTION}/head").status_code == 404
    assert [each["head"] is None for each in told(client)] == [True, False]


def told(client: FlaskClient) -> list[dict[str, dict[str, object] | None]]:
    found: list[dict[str, dict[str, object] | None]] = client.get("/api/v1/status").json["projects"][0]["questions"]  # type: ignore[index]
    return found


def test_the_head_alone_is_given_for_the_champion_that_it_stands_on(client: FlaskClient, stage: Stage) -> None:
    assert client.get(f"{QUESTION}/head").status_code == 404
    head = stage.revise("mood", b"weights")
    answer = client.get(f"{QUESTION}/head", query_string={"version": "v1"})
    assert (answer.data, answer.headers["X-Labelwheel-Version"]) == (b"weights", head)
    assert client.get(f"{QUESTION}/head", query_string={"version": "v0"}).status_code == 404


def test_status_and_overview_say_what_answers(client: FlaskClient, stage: Stage) -> None:
    assert [each["head"] for each in told(client)] == [None, None]
    head = stage.revise("mood")
    [mood, tone] = told(client)
    assert tone["head"] is None
    assert mood["head"] is not None
    assert {name: mood["head"][name] for name in ("version", "labels", "gain", "error", "examples")} == {
        "version": head, "labels": 45, "gain": 0.21, "error": 0.06, "examples": 45,
    }  # fmt: skip
    said = "A newer head on 45 labels answers in the champion's place, ahead by .21 ± .06 a label on 45 that it"
    assert f"{said} has not seen." in " ".join(client.get("/overview").text.replace("&#39;", "'").split())


def test_what_is_not_ahead_is_not_said_to_be() -> None:
    told = wording.headed({"labels": 45, "gain": -0.01, "error": 0.05, "examples": 45})
    assert "no worse than chance explains (−.01 ± .05 a label) on 45" in told
    assert "ahead" not in told

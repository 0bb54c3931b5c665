"""What a pipeline asks for over HTTP: one round a run, held, looked at, promoted; nothing left when it is over."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from labelwheel.backend.app import EXTENSION, create_app
from labelwheel.backend.database.tables import Round, RoundState, now
from labelwheel.backend.settings import Settings
from tests.backend.serving.fakes import LABELS, FakeEngine, question, write_checkpoint
from tests.backend.stage import Stage

MOOD = "/api/v1/projects/1/questions/mood"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(Settings(home=tmp_path))
    stage.connect("mood")
    stage.promote({"mood": "v1"})
    stage.label("mood", {f"text {number} says {number**7}": LABELS[number % 2] for number in range(90)})
    yield stage
    stage.database.dispose()


@pytest.fixture
def client(stage: Stage) -> Iterator[FlaskClient]:
    app = create_app(stage.settings, FakeEngine(), start=False)
    yield app.test_client()
    app.extensions[EXTENSION].queue.close()


def hold(stage: Stage, number: int) -> str:
    """As the worker does once the job has ended and the gate lets it pass; its version."""
    with stage.database.transaction() as tx:
        found = tx.get_one(Round, number)
        found.state, found.held_until = RoundState.HELD, now()
        write_checkpoint(stage.settings.checkpoints.folder / found.version, found.version, question("mood"))
        return found.version


def test_a_run_orders_one_round_however_often_it_asks(client: FlaskClient) -> None:
    wanted = {"run": "pipeline-run:7", "hold_minutes": 30}
    first = client.post(f"{MOOD}/train", json=wanted)
    assert (first.status_code, first.json["trigger"], first.json["run"]) == (202, "pipeline", "pipeline-run:7")
    assert client.post(f"{MOOD}/train", json=wanted).json["id"] == first.json["id"]
    assert client.post(f"{MOOD}/train").status_code == 409, "somebody else waits for it"
    ordered = [each["kind"] for each in client.get("/api/v1/projects/1/decisions").json["decisions"]]
    assert ordered.count("ordered") == 1
    for body in ({"hold_minutes": 0}, {"hold_minutes": 20_000}, {"run": ""}, {"run": "a/b"}, {"run": "x" * 129}):
        assert client.post(f"{MOOD}/train", json=body).status_code == 400


def test_what_a_run_has_ordered_is_told_and_ended(client: FlaskClient) -> None:
    ordered = client.post(f"{MOOD}/train", json={"run": "one"}).json
    client.post(f"{MOOD}/tune", json={"run": "two", "hold_minutes": 5, "budget": 60})
    assert client.get(f"{MOOD}/runs/none").json == {"round": None, "tuning": None}
    found = client.get(f"{MOOD}/runs/one").json
    assert (found["round"]["id"], found["tuning"]) == (ordered["id"], None)
    assert client.get(f"{MOOD}/runs/two").json["tuning"]["state"] == "queued"
    ended = client.delete(f"{MOOD}/runs/one").json
    assert (ended["round"]["state"], ended["tuning"]) == ("cancelled", None)
    assert "the run of a pipeline" in ended["round"]["reason"]
    assert client.delete(f"{MOOD}/runs/two").json["tuning"]["state"] == "cancelled"
    assert client.delete(f"{MOOD}/runs/one").json == {"round": None, "tuning": None}
    assert client.delete("/api/v1/projects/1/questions/nope/runs/one").status_code == 404


def test_a_challenger_that_is_held_is_looked_at_before_it_is_promoted(client: FlaskClient, stage: Stage) -> None:
    number = client.post(f"{MOOD}/train", json={"run": "one", "hold_minutes": 30}).json["id"]
    refused = client.post(f"/api/v1/rounds/{number}/promote")
    assert (refused.status_code, "only one that is held" in refused.text) == (409, True)
    assert client.get(f"/api/v1/rounds/{number}/details").json["checkpoint"] is None
    version = hold(stage, number)
    kept = client.get(f"/api/v1/rounds/{number}/details").json["checkpoint"]
    assert kept["place"] == str(stage.settings.checkpoints.folder / version)
    assert len(kept["manifest"]) == 64
    assert client.get(f"{MOOD}/report", query_string={"version": version}).json["version"] == version
    with tarfile.open(fileobj=io.BytesIO(client.get(f"{MOOD}/export?version={version}").data)) as archive:
        assert "model.safetensors" in archive.getnames()
    assert client.get(f"{MOOD}/report").json["version"] == "v1", "the champion stays"
    assert client.post(f"/api/v1/rounds/{number}/promote").json["state"] == "gating"
    assert client.post(f"/api/v1/rounds/{number}/promote").status_code == 202
    assert client.post("/api/v1/rounds/99/promote").status_code == 404


def test_labels_say_up_to_which_place_of_the_ledger_they_go(client: FlaskClient) -> None:
    first, *_, last = client.get(f"{MOOD}/labels").text.splitlines()
    assert (json.loads(first)["position"], json.loads(last)) == (90, {"examples": 90})

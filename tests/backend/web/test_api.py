import io
import json
import tarfile

import pytest
from sqlalchemy import select

from labelwheel.backend.app import create_app
from labelwheel.backend.database.tables import CheckpointRow, ExampleRow, Project, Round
from labelwheel.backend.rounds.progress import digest
from labelwheel.backend.settings import Settings
from labelwheel.plugins.addresses import allow
from labelwheel.training.spec import Part
from tests.backend import inspection_rows
from tests.backend.serving.fakes import FakeEngine, question, write_checkpoint
from tests.backend.stage import Stage


@pytest.fixture
def stage(tmp_path):
    stage = Stage(Settings(home=tmp_path, max_examples=50))
    stage.connect("mood", "tone/voice")
    stage.promote({"mood": "v1", "tone/voice": "v1001"})
    yield stage
    stage.database.dispose()


@pytest.fixture
def app(stage):
    app = create_app(stage.settings, FakeEngine(), start=False)
    app.extensions["labelwheel"].served_models.follow()
    yield app
    app.extensions["labelwheel"].queue.close()


@pytest.fixture
def client(app):
    return app.test_client()


BODY = {"tool": "label-studio", "url": "http://tool.test:8080/", "project": 5, "api_key": "hunter2"}


def test_registering_is_accepted_and_tells_no_secret(client, stage):
    answer = client.post("/api/v1/projects", json=BODY)
    assert answer.status_code == 202
    assert answer.json["state"] == "connecting"
    assert "hunter2" not in answer.text
    assert "hunter2" not in client.get(f"/api/v1/projects/{answer.json['id']}").text
    with stage.database.session() as session:
        sealed = session.get(Project, answer.json["id"]).api_key
    assert "hunter2" not in sealed
    assert stage.keys.open(sealed) == "hunter2"
    assert client.post("/api/v1/projects", json=BODY).json["id"] == answer.json["id"]


def test_a_project_to_share_with_is_meant_by_number_or_title(client, stage):
    for wanted in (stage.project, str(stage.project), "Messages"):
        answer = client.post("/api/v1/projects", json={**BODY, "share_with": wanted})
        assert answer.status_code == 202
        with stage.database.session() as session:
            assert session.get(Project, answer.json["id"]).share_with_id == stage.project
    stage.connect("mood", title="Messages", reference="2.99")
    for wanted, status, words in (
        ("Messages", 400, "use a number: 1 (Messages), 3 (Messages)"),
        ("Letters", 404, "there are: 1 (Messages), 2 (5), 3 (Messages)"),
        (answer.json["id"], 400, "cannot share with itself"),
        ({}, 400, "share_with"),
    ):
        refused = client.post("/api/v1/projects", json={**BODY, "share_with": wanted})
        assert (refused.status_code, words in refused.json["error"]["message"]) == (status, True)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "ftp://tool.test"},
        {"url": "file:///etc/passwd"},
        {"url": "http://user:pass@tool.test"},
        {"url": "http://"},
        {"url": "http://[::1"},
        {"url": "http://host:99999"},
        {"url": "http://intern.test/secrets?x="},
        {"url": "http://intern.test/secrets#"},
        {"url": "http://intern.test/a/../secrets"},
        {"url": "http://169.254.169.254"},
        {"service_url": "http://here.test/?x="},
        {"url": 7},
        {"service_url": "http://user@here.test"},
        {"project": None},
        {"project": ["5"]},
        {"project": True},
        {"api_key": ""},
        {"api_key": {}},
        {"tool": 5},
        {"options": [1]},
        {"options": False},
        {"project": 5.5},
        {"project": 2**63},
        {"api_key": "a\0b"},
    ],
)
def test_a_registration_that_makes_no_sense_is_a_400(client, changes):
    answer = client.post("/api/v1/projects", json=BODY | changes)
    address = isinstance(changes.get("url") or changes.get("service_url"), str)
    kind = "InvalidAddress" if address else "InvalidRequest"
    assert (answer.status_code, answer.json["error"]["type"]) == (400, kind)


def test_a_number_is_a_number_however_it_is_written(client, stage):
    found = client.post("/api/v1/projects", json=BODY).json
    for project in (5.0, "5"):
        assert client.post("/api/v1/projects", json=BODY | {"project": project}).json["id"] == found["id"]
    assert found["external_id"] == "5"


def test_a_number_that_is_no_key_is_nowhere_whatever_the_method(client):
    for number in (2**31, 10**30, "1" * 5000):
        for method in ("GET", "DELETE"):
            answer = client.open(f"/api/v1/projects/{number}", method=method)
            assert (answer.status_code, answer.json["error"]["type"]) == (404, "NotFound")
    assert client.put("/api/v1/projects/1").status_code == 405


def test_only_an_allowed_address_is_registered(client, settings, monkeypatch):
    monkeypatch.setattr(settings.__class__, "tool_places", allow("https://label.example.org, *.test"))
    assert client.post("/api/v1/projects", json=BODY).status_code == 202
    answer = client.post("/api/v1/projects", json=BODY | {"url": "http://10.0.0.1"})
    assert (answer.status_code, "LABELWHEEL_TOOL_ADDRESSES" in answer.json["error"]["message"]) == (400, True)


def test_an_unknown_tool_is_a_404_that_names_the_known_ones(client):
    answer = client.post("/api/v1/projects", json=BODY | {"tool": "prodigal"})
    assert answer.status_code == 404
    assert "label-studio" in answer.json["error"]["message"]


@pytest.mark.parametrize("body", ["[]", '"x"', "5", "null", "{"])
@pytest.mark.parametrize("path", ["/projects", "/projects/1/suggest"])
def test_bodies_that_are_no_objects_are_refused(client, path, body):
    answer = client.post(f"/api/v1{path}", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json) == {"error"}


def test_disconnecting_is_accepted(client, stage):
    assert client.delete(f"/api/v1/projects/{stage.project}").json["state"] == "disconnecting"
    assert client.delete("/api/v1/projects/99").status_code == 404


def test_suggestions_carry_one_version_and_every_question(client, stage):
    examples = [{"key": str(place), "fields": {"text": f"text {place}"}} for place in range(40)]
    examples.append({"key": "empty", "fields": {}})
    answer = client.post(f"/api/v1/projects/{stage.project}/suggest", json={"examples": examples}).json
    assert answer["version"].startswith("lw-")
    assert [each["key"] for each in answer["suggestions"]] == [each["key"] for each in examples]
    first = answer["suggestions"][0]["predictions"]
    assert first["mood"] == {"answer": "good", "score": 0.0001, "item_scores": []}
    assert first["tone/voice"]["score"] == 0.1001
    assert answer["suggestions"][-1]["predictions"]["mood"]["answer"] is None


@pytest.mark.parametrize(
    ("examples", "status"),
    [
        (None, 400),
        ("x", 400),
        ([1], 400),
        ([{"key": 1, "fields": {}}], 400),
        ([{"key": "1", "fields": {"text": 5}}], 400),
        ([{"key": "1", "fields": {}}] * 51, 413),
        ([], 200),
    ],
)
def test_examples_are_checked(client, stage, examples, status):
    answer = client.post(f"/api/v1/projects/{stage.project}/suggest", json={"examples": examples})
    assert answer.status_code == status


def test_an_answer_is_explained_with_its_words_and_the_nearest_labels(client, stage):
    # whichever side of the split a text is on: only those that train are compared with
    stage.label("mood", {f"text number {number} of some": "bad" for number in range(20)})
    path = f"/api/v1/projects/{stage.project}/questions/mood/explain"
    answer = client.post(path, json={"text": "hello there"}).json
    assert answer["version"].startswith("lw-")
    assert answer["question"]["name"] == "mood"
    assert answer["prediction"] == {"answer": "good", "score": 0.0001, "item_scores": []}
    assert [(word["text"], word["start"]) for word in answer["words"]] == [("hello", 0), ("there", 6)]
    [carried] = answer["carried"]
    assert carried.pop("rest") == pytest.approx(answer["prediction"]["score"])
    assert carried == {"item": "good", "weights": [0.0, 0.0], "marked": []}
    assert [each["label"] for each in answer["nearest"]] == ["bad"] * 3
    assert 3 < answer["compared"] <= 20
    assert answer["moved"] == []
    assert "would answer otherwise" in answer["unmoved"], "all labels say bad, and the fake model good"
    known = client.post(path, json={"fields": {"text": "hello there"}}).json
    assert known["words"] == answer["words"]


def test_an_example_is_explained_by_its_key_unless_it_is_blind(client, app, stage, monkeypatch):
    half = stage.settings.model_copy(update={"blind": 0.5})
    monkeypatch.setattr(app.extensions["labelwheel"].ledger, "_settings", half)
    stage.label("mood", {f"some text about {word}": "bad" for word in ("cats", "dogs", "trees", "rivers", "music")})
    path = f"/api/v1/projects/{stage.project}/questions/mood/explain"
    assert client.post(path, json={"key": "e99"}).status_code == 404
    with stage.database.transaction() as tx:
        for row in tx.query(ExampleRow):
            row.part, row.blind_lot = (Part.HELD_OUT, 0.0) if row.key == "e0" else (Part.TRAIN, 1.0)
    answer = client.post(path, json={"key": "e1"}).json
    assert answer["fields"] == {"text": "some text about dogs"}
    assert "e1" not in [each["key"] for each in answer["nearest"]]
    assert "e0" not in [each["key"] for each in answer["nearest"]], "what is held out has taught nothing"
    assert answer["compared"] == 3
    blind = client.post(path, json={"key": "e0"})
    assert (blind.status_code, blind.json["error"]["type"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("question", "body", "status"),
    [
        ("mood", {}, 404),
        ("mood", {"text": " "}, 404),
        ("mood", {"fields": {"title": "hello"}}, 404),
        ("mood", {"text": 5}, 400),
        ("mood", {"key": ""}, 400),
        ("mood", {"text": "word " * 5000}, 413),
        ("none", {"text": "hello"}, 404),
    ],
)
def test_what_cannot_be_explained_is_refused(client, stage, question, body, status):
    path = f"/api/v1/projects/{stage.project}/questions/{question}/explain"
    assert client.post(path, json=body).status_code == status


def test_overload_says_when_to_come_back(client, app, stage):
    from labelwheel.backend.serving.batching import Priority

    with app.extensions["labelwheel"].queue.admit(20_000, Priority.INTERACTIVE):
        answer = client.post(
            f"/api/v1/projects/{stage.project}/suggest", json={"examples": [{"key": "1", "fields": {"text": "x"}}]}
        )
    assert (answer.status_code, answer.json["error"]["type"]) == (503, "Overloaded")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_round_is_ordered_once_and_reports_its_progress(client, stage):
    path = f"/api/v1/projects/{stage.project}/questions/tone%2Fvoice/train"
    refused = client.post(path)
    assert refused.status_code == 409
    assert "has 0 labels with text to learn from; it takes 1" in refused.json["error"]["message"]
    told = client.get("/api/v1/status").json["projects"][0]["decisions"][0]
    assert (told["question"], told["kind"]) == ("tone/voice", "not started")
    assert told["reason"].endswith(f"asked for one: {refused.json['error']['message']}")
    stage.label("tone/voice", {text: "good" if text in "abc" else "bad" for text in "abcdefgh"})
    ordered = client.post(path)
    assert ordered.status_code == 202
    assert client.post(path).status_code == 409
    number = ordered.json["id"]
    with stage.database.transaction() as tx:
        tx.get(Round, number).progress_token = digest("round-token")
    # as transformers' KubeflowCallback sends it
    body = {
        "trainerStatus": {
            "progressPercentage": 40, "estimatedRemainingSeconds": 12, "lastUpdatedTime": "2026-01-01T00:00:00+00:00",
            "metrics": [{"name": "loss", "value": "0.5"}],
        }
    }  # fmt: skip
    progress = f"/api/v1/rounds/{number}/progress"
    assert client.post(progress, json=body).status_code == 401
    assert client.post(progress, json=body, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert client.post(progress, json=body, headers={"Authorization": "Bearer round-token"}).status_code == 200
    seen = client.get(f"/api/v1/rounds/{number}").json
    assert (seen["progress"], seen["seconds_left"], seen["metrics"]) == (0.4, 12, {"loss": "0.5"})
    assert "round-token" not in json.dumps(seen)
    assert client.delete(f"/api/v1/rounds/{number}").json["state"] == "cancelled"


def test_the_services_token_is_neither_needed_nor_enough_for_progress(stage):
    settings = stage.settings.model_copy(update={"token": type("T", (), {"get_secret_value": lambda self: "s" * 16})()})
    client = create_app(settings, FakeEngine(), start=False).test_client()
    number = _ordered(stage)
    path = f"/api/v1/rounds/{number}/progress"
    body = {"trainerStatus": {"progressPercentage": 1}}
    assert client.post(path, json=body, headers={"Authorization": "Bearer " + "s" * 16}).status_code == 401
    assert client.post(path, json=body, headers={"Authorization": "Bearer round-token"}).status_code == 200
    assert client.get(f"/api/v1/rounds/{number}").status_code == 401


def _ordered(stage):
    from labelwheel.backend.projects import projects
    from labelwheel.backend.rounds import round_commands

    with stage.database.transaction() as tx:
        found = round_commands.order(tx, projects.question(tx, stage.project, "mood").id, "labels")
        found.progress_token = digest("round-token")
        return found.id


def test_rolling_back_serves_the_earlier_checkpoint_under_a_new_name(client, app, stage):
    served_models = app.extensions["labelwheel"].served_models
    stage.promote({"mood": "v2"})
    served_models.follow()
    later = served_models.served_by_id(stage.project).generation
    path = f"/api/v1/projects/{stage.project}/questions/mood"
    listed = client.get(f"{path}/checkpoints").json["checkpoints"]
    assert [(each["version"], each["champion"]) for each in listed] == [("v2", True), ("v1", False)]
    assert client.post(f"{path}/rollback").json["version"] == "v1"
    follower = app.extensions["labelwheel"].follower
    while follower.step():
        pass
    assert served_models.served_by_id(stage.project).members["mood"].model.version == "v1"
    assert served_models.served_by_id(stage.project).generation != later
    assert client.post(f"{path}/rollback", json={"version": "nope"}).status_code == 404
    assert client.post(f"{path}/rollback", json={"version": "v1"}).status_code == 409
    assert client.post(f"{path}/rollback", json={"version": 7}).status_code == 400


def test_an_export_is_a_plain_tar_of_the_model_alone(client, stage):
    folder = stage.settings.checkpoints.folder / "v1"
    path = f"/api/v1/projects/{stage.project}/questions/mood/export"
    answer = client.get(path)
    assert answer.status_code == 200
    assert len(answer.data) == answer.content_length
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as archive:
        assert set(archive.getnames()) == {"model.safetensors", "README.md"}
        assert archive.extractfile("model.safetensors").read() == (folder / "model.safetensors").read_bytes()
        assert {(each.uid, each.uname, each.mtime) for each in archive} == {(0, "", 0)}
    etag = answer.headers["ETag"]
    assert not etag.startswith("W/")
    answer.close()
    assert not list(stage.settings.home.glob(".export-*")), "nothing may be left behind"
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    stage.promote({"mood": "v2"})
    assert client.get(path).headers["ETag"] != etag
    assert client.get(path, query_string={"version": "v1"}).headers["ETag"] == etag
    assert client.get(path, query_string={"version": "../../etc"}).status_code == 404
    assert client.head(path).headers["ETag"] != etag


def test_an_exports_card_has_what_an_inspection_found_and_the_checkpoint_stays_as_it_is(client, stage):
    path = f"/api/v1/projects/{stage.project}/questions/mood/export"
    folder = stage.settings.checkpoints.folder / "v1"
    files = {each.name: each.read_bytes() for each in folder.iterdir()}

    def card(answer):
        with tarfile.open(fileobj=io.BytesIO(answer.data)) as archive:
            return archive.extractfile("README.md").read().decode()

    bare = client.get(path)
    assert "closer look" not in card(bare)
    with stage.database.transaction() as tx:
        [row] = tx.scalars(select(CheckpointRow).where(CheckpointRow.version == "v1"))
        label = {"key": "e7", "text": "a secret", "answer": "bad", "suggestion": "good", "probability": 0.9}
        found = {"looked_at": 1200, "suspected": 31, "labels": [label]}
        inspection_rows.add(tx, row, {"label_errors": found, "voices": {"values": []}}, label_count=1200)
    told = client.get(path)
    text = card(told)
    assert "## A closer look\n\nWhat follows was found since, by a look at 1,200 labels" in text
    assert "Confident learning suspects 31 of 1,200 labels" in text
    assert "e7" not in text
    assert told.headers["ETag"] != bare.headers["ETag"], "who has the one without it gets the new one"
    assert client.get(path, headers={"If-None-Match": told.headers["ETag"]}).status_code == 304
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == files


def test_a_damaged_checkpoint_is_not_exported(client, stage):
    (stage.settings.checkpoints.folder / "v1" / "model.safetensors").write_text("changed")
    answer = client.get(f"/api/v1/projects/{stage.project}/questions/mood/export")
    assert (answer.status_code, answer.json["error"]["type"]) == (500, "InvalidCheckpoint")
    assert not list(stage.settings.home.glob(".export-*"))


def test_reports(client, stage):
    path = f"/api/v1/projects/{stage.project}/questions/mood"
    assert client.get(f"{path}/report.md").status_code == 404
    folder = stage.settings.checkpoints.folder / "v2"
    write_checkpoint(folder, "v2", question("mood"), report_md="# How it does 👍", report_json='{"headline": 1}')
    stage.promote({"mood": "v2"})
    answer = client.get(f"{path}/report.md")
    assert (answer.text, answer.mimetype) == ("# How it does 👍", "text/markdown")
    assert client.get(f"{path}/report").json == {
        "version": "v2", "report": {"headline": 1}, "inspection": None,
        "tuning": {"question": "mood", "tuned": None, "searches": [], "trials": []},
    }  # fmt: skip
    with stage.database.transaction() as tx:
        [row] = tx.scalars(select(CheckpointRow).where(CheckpointRow.version == "v2"))
        inspection_rows.add(tx, row, {"weak": {"slices": 2}})
    assert client.get(f"{path}/report.md").text == "# How it does 👍\n## weak\n"
    told = client.get(f"{path}/report").json["inspection"]
    assert (told["state"], told["sections"]) == ("done", {"weak": {"found": {"slices": 2}, "seconds": 1.0}})


@pytest.mark.parametrize("path", ["/projects/99", "/rounds/99", "/projects/1/questions/no/checkpoints"])
def test_what_is_not_there_is_a_404(client, path):
    answer = client.get(f"/api/v1{path}")
    assert (answer.status_code, answer.json["error"]["type"]) == (404, "NotFound")

"""Who may do what: the admin, a reader, and the secrets that stand in the labelling tools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook

from labelwheel.backend.app import create_app
from labelwheel.backend.database.tables import (
    AuditLine,
    Decision,
    Project,
    ProjectState,
    QuestionRow,
    Round,
    ToolSecret,
)
from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.projects import projects, tool_secrets
from labelwheel.backend.projects.tool_secrets import Owner
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.web.audit import Refusals
from labelwheel.backend.web.known_secrets import KnownSecrets
from labelwheel.plugins.connector import Purpose
from tests.backend.serving.fakes import FakeEngine
from tests.backend.stage import Stage

ADMIN, READER = "the-admins-own-token", "only-to-look-at-it"
CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text"><Choice value="good"/></Choices></View>'
)


class Office(Stage):
    """Two projects of one tool, each with secrets of its own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.connect("mood")
        self.other = self.connect("mood", title="Letters", reference="2.77")
        self.promote({"mood": "v1"})
        self.promote({"mood": "v1001"}, self.other)
        self.secrets = {number: self.give(number) for number in (self.project, self.other)}

    def give(self, project: int) -> dict[Purpose, str]:
        made = tool_secrets.make()
        with self.database.transaction() as tx:
            tool_secrets.keep(tx, project, made)
            tool_secrets.settle(tx, project, made.values())
        return made

    def audit(self) -> list[AuditLine]:
        with self.database.session() as session:
            return list(session.scalars(select(AuditLine).order_by(AuditLine.id)))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    office = Office(Settings(home=tmp_path, token=ADMIN, read_token=READER, first_round=4, quiet_seconds=3600))
    yield office
    office.database.dispose()


@pytest.fixture
def app(office: Office) -> Iterator[Flask]:
    app = create_app(office.settings, FakeEngine(), start=False)
    app.extensions["labelwheel"].served_models.follow()
    yield app
    app.extensions["labelwheel"].queue.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def call(client: FlaskClient, secret: str, name: str, reference: str) -> int:
    """What a tool's call is answered with."""
    number, created = reference.split(".")
    moment = datetime.fromtimestamp(int(created), UTC).isoformat()
    hook = {"action": "ANNOTATION_CREATED", "project": {"id": int(number), "created_at": moment}}
    bodies: dict[str, Any] = {
        "setup": {"project": reference, "schema": CONFIG},
        "predict": {"project": reference, "tasks": [{"id": 1, "data": {"text": "x"}}], "label_config": CONFIG},
        "train": {"project": reference, "annotations": []},
        "webhook": hook,
        "START_TRAINING": hook | {"action": "START_TRAINING"},
    }
    bodies["draft"] = bodies["predict"] | {"params": {"context": {"result": [], "whole": True}}}
    path = {"START_TRAINING": "/webhook", "draft": "/predict"}.get(name, f"/{name}")
    if name == "health":
        return client.get(path, auth=("labelwheel", secret)).status_code
    if name == "versions":
        return client.get(path, query_string={"project": reference}, auth=("labelwheel", secret)).status_code
    return client.post(path, json=bodies[name], auth=("labelwheel", secret)).status_code


CALLS = ("health", "setup", "predict", "draft", "train", "webhook", "START_TRAINING", "versions")


def test_a_projects_secret_opens_what_its_tool_calls(office: Office, client: FlaskClient) -> None:
    secret = office.secrets[office.project][Purpose.PREDICT]
    assert {name: call(client, secret, name, "1.99") for name in CALLS} == dict.fromkeys(CALLS, 200)


def test_a_webhooks_secret_opens_webhooks_alone(office: Office, client: FlaskClient) -> None:
    """Every user of a Label Studio organisation can read it."""
    secret = office.secrets[office.project][Purpose.WEBHOOK]
    assert {name: call(client, secret, name, "1.99") for name in CALLS} == dict.fromkeys(CALLS, 403) | {"webhook": 200}
    with office.database.session() as session:
        assert session.scalars(select(Round)).all() == []


@pytest.mark.parametrize("purpose", list(Purpose))
def test_another_projects_secret_opens_nothing(office: Office, client: FlaskClient, purpose: Purpose) -> None:
    secret = office.secrets[office.other][purpose]
    wanted = dict.fromkeys(CALLS, 403) | ({"health": 200} if purpose is Purpose.PREDICT else {})
    assert {name: call(client, secret, name, "1.99") for name in CALLS} == wanted
    with office.database.session() as session:
        assert projects.get(session, office.project).hinted_at is None


def test_versions_are_those_of_the_own_project(office: Office, client: FlaskClient) -> None:
    mine = client.get("/versions", auth=("x", office.secrets[office.project][Purpose.PREDICT])).json["versions"]
    all_of_them = client.get("/versions", headers=bearer(ADMIN)).json["versions"]
    assert (len(mine), len(all_of_them)) == (1, 2)
    assert mine[0].startswith("lw-1-")


def routes(app: Flask) -> Iterator[tuple[str, str, Any]]:
    """Every method and address there is, with the view behind it; without the pages, see test_pages.py."""
    filled = {"number": "1", "name": "mood", "run": "nightly", "dataset": "11111111-1111-4111-8111-111111111111"}
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], "page", False):
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: filled[found[1]], rule.rule)
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            yield method, path, app.view_functions[rule.endpoint]


TOOLS = {"/", "/health", "/setup", "/predict", "/train", "/webhook", "/versions"}
PROBES = {"/live", "/ready"}
OWN = PROBES | {"/api/v1/rounds/1/progress", "/argilla/11111111-1111-4111-8111-111111111111/webhook"}
READABLE = {
    "/", "/health", "/metrics", "/api/v1/status", "/api/v1/overview", "/api/v1/projects/1", "/api/v1/rounds/1",
    "/api/v1/projects/1/questions/mood/checkpoints", "/api/v1/openapi.json",
    "/api/v1/projects/1/questions/mood/learning", "/api/v1/projects/1/decisions", "/api/v1/rounds/1/details",
    "/api/v1/projects/1/questions/mood/agreement",  # without names, see test_agreement.py
    "/api/v1/projects/1/questions/mood/quality",  # without names and words, see test_quality.py
    "/api/v1/projects/1/questions/mood/model", "/api/v1/projects/1/questions/mood/tuning",
    "/api/v1/projects/1/questions/mood/runs/nightly",
    "/api/v1/projects/1/least-sure",  # without texts, see test_least_sure.py
}  # fmt: skip


def test_no_route_is_open_to_a_tools_secret_by_mistake(app: Flask, office: Office, client: FlaskClient) -> None:
    """Named here one by one: what is new is the admin's alone until somebody says otherwise."""
    for purpose, expected in ((Purpose.PREDICT, TOOLS), (Purpose.WEBHOOK, {"/webhook"})):
        headers = bearer(office.secrets[office.project][purpose])
        found = {
            path
            for method, path, _ in routes(app)
            if path not in OWN and client.open(path, method=method, headers=headers).status_code != 403
        }
        assert found == expected, purpose
    with office.database.session() as session:
        assert projects.get(session, office.project).state == ProjectState.CONNECTED


def test_no_route_is_open_to_a_reader_by_mistake(app: Flask, client: FlaskClient) -> None:
    found = {
        (method, path)
        for method, path, _ in routes(app)
        if path not in OWN and client.open(path, method=method, headers=bearer(READER)).status_code != 403
    }
    assert found == {("GET", path) for path in READABLE}


def test_no_route_is_open_without_credentials(app: Flask, client: FlaskClient) -> None:
    answers = {
        (method, path): client.open(path, method=method).status_code
        for method, path, _ in routes(app)
        if path not in PROBES
    }
    # a round that does not run is nobody's
    assert answers.pop(("POST", "/api/v1/rounds/1/progress")) in (400, 401, 404)
    assert set(answers.values()) == {401}


@pytest.mark.parametrize("secret", ["lwt_", "lwt_" + "x" * 43, "lwt_ümlaut", "LWT_x", "", "x" * 5000])
def test_secrets_that_are_nobodys(client: FlaskClient, secret: str) -> None:
    assert client.get("/health", auth=("labelwheel", secret)).status_code == 401


def test_new_secrets_end_the_old_ones(office: Office, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client, old = app.test_client(), office.secrets[office.project]
    monkeypatch.setattr("labelwheel.backend.web.known_secrets.SECONDS", 0.0)
    client = create_app(office.settings, FakeEngine(), start=False).test_client()
    new = office.give(office.project)
    assert client.get("/health", auth=("labelwheel", old[Purpose.PREDICT])).status_code == 401
    assert client.get("/health", auth=("labelwheel", new[Purpose.PREDICT])).status_code == 200
    other = office.secrets[office.other][Purpose.PREDICT]
    assert client.get("/health", auth=("labelwheel", other)).status_code == 200


def test_a_disconnected_projects_secrets_open_nothing(office: Office, client: FlaskClient) -> None:
    with office.database.transaction() as tx:
        tx.get_one(Project, office.project).state = ProjectState.DISCONNECTED
    secret = office.secrets[office.project][Purpose.PREDICT]
    assert client.get("/health", auth=("labelwheel", secret)).status_code == 401


def test_only_hashes_are_kept(office: Office) -> None:
    with office.database.session() as session:
        kept = list(session.scalars(select(ToolSecret)))
    assert len(kept) == 4
    text = json.dumps([[row.digest, row.purpose] for row in kept])
    for made in office.secrets.values():
        for secret in made.values():
            assert len(secret) > 40
            assert secret not in text


class TestWithoutTheAdminsToken:
    """Alone on a machine, everybody on it is the admin; a tool's secret is good for no more all the same."""

    @pytest.fixture
    def office(self, tmp_path: Path) -> Iterator[Office]:
        office = Office(Settings(home=tmp_path, read_token=READER))
        yield office
        office.database.dispose()

    def test_roles_hold(self, office: Office, client: FlaskClient) -> None:
        secret, path = office.secrets[office.project][Purpose.PREDICT], f"/api/v1/projects/{office.project}"
        assert client.delete(path, headers=bearer(secret)).status_code == 403
        assert client.delete(path, headers=bearer(READER)).status_code == 403
        assert client.get("/health", auth=("labelwheel", "lwt_ended")).status_code == 401
        assert client.get("/health", auth=("labelwheel", secret), headers={"X-Forwarded-For": "x"}).status_code == 200
        assert client.get("/health", headers={"X-Forwarded-For": "x"}).status_code == 403
        assert client.delete(path).status_code == 202


def test_the_read_only_token_is_another_one() -> None:
    with pytest.raises(InvalidSettings, match=r"LABELWHEEL_READ_TOKEN: .*another one"):
        load(token=ADMIN, read_token=ADMIN)


def test_what_is_known_stays_good_while_the_database_is_away() -> None:
    owner, away = Owner(1, "tool", "1", Purpose.PREDICT), []

    def find(secret: str) -> Owner | None:
        if away:
            raise OperationalError("SELECT", {}, Exception("away"))
        return owner if secret == "good" else None

    known = KnownSecrets(find, seconds=0.0)
    assert (known.owner("good"), known.owner("bad")) == (owner, None)
    away.append(1)
    assert known.owner("good") == owner
    with pytest.raises(OperationalError):
        known.owner("new")


def test_a_tool_that_asks_much_asks_the_database_little() -> None:
    asked: list[str] = []
    known = KnownSecrets(lambda secret: asked.append(secret) or Owner(1, "tool", "1", Purpose.PREDICT), seconds=3600)
    for _ in range(100):
        known.owner("good")
    assert asked == ["good"]


class TestTheTrainButton:
    """Who may press it in the tool need not be the admin."""

    def press(self, client: FlaskClient, office: Office, path: str = "/webhook") -> Any:
        project = {"id": 1, "created_at": "1970-01-01T00:01:39Z"}
        body = {"action": "START_TRAINING", "project": project} if path == "/webhook" else {"project": "1.99"}
        secret = office.secrets[office.project][Purpose.PREDICT]
        return client.post(path, json=body, auth=("labelwheel", secret))

    def rounds(self, office: Office) -> list[tuple[str, str]]:
        with office.database.session() as session:
            return [(row.trigger, row.recipe) for row in session.scalars(select(Round))]

    @pytest.mark.parametrize("path", ["/webhook", "/train"])
    def test_too_few_labels_start_nothing_and_the_answer_says_so(
        self, office: Office, client: FlaskClient, path: str
    ) -> None:
        office.label("mood", {"a": "good", "b": "bad"})
        answer = self.press(client, office, path)
        assert answer.status_code == 200
        assert answer.json["questions"] == {"mood": "no round: 2 of 4 new labels"}
        assert self.rounds(office) == []

    @pytest.mark.parametrize("path", ["/webhook", "/train"])
    def test_a_request_that_nothing_comes_of_is_one_line_of_the_log_that_says_why(
        self, office: Office, client: FlaskClient, path: str
    ) -> None:
        office.label("mood", {"a": "good", "b": "bad"})
        pressed = "someone pressed train in the labelling tool, and no round starts: "
        for _ in range(3):
            self.press(client, office, path)
        assert self.unheeded(office) == [("mood", f"{pressed}2 of 4 new labels")]

    def unheeded(self, office: Office) -> list[tuple[str | None, str]]:
        with office.database.session() as session:
            found = session.scalars(select(Decision).filter_by(kind="not started").order_by(Decision.id))
            return [(row.question, row.reason) for row in found]

    @pytest.mark.parametrize("path", ["/webhook", "/train"])
    def test_what_the_policy_allows_starts_at_once_and_once(
        self, office: Office, client: FlaskClient, path: str
    ) -> None:
        office.label("mood", {text: "bad" if text in "ab" else "good" for text in "abcdef"})
        first = self.press(client, office, path).json["questions"]["mood"]
        assert first == "a round starts: the first 6 new labels have come"
        assert self.press(client, office, path).json["questions"]["mood"] == "no round: a round is under way"
        assert self.rounds(office) == [("labels", "auto")]
        with office.database.session() as session:
            (said,) = session.scalars(select(Decision.reason).where(Decision.kind == "ordered"))
        assert said == "someone pressed train in the labelling tool, and the first 6 new labels have come"

    def test_it_does_not_undo_a_rollback(self, office: Office, client: FlaskClient) -> None:
        office.label("mood", {text: "bad" if text in "ab" else "good" for text in "abcdef"})
        with office.database.transaction() as tx:
            question = tx.scalars(select(QuestionRow).filter_by(project_id=office.project)).one()
            question.pinned, question.counted_from = True, 6
        answer = self.press(client, office).json["questions"]["mood"]
        assert "it was rolled back" in answer
        assert self.rounds(office) == []
        with office.database.session() as session:
            assert session.scalars(select(QuestionRow).filter_by(project_id=office.project)).one().pinned


class TestTheAuditLog:
    def test_says_who_did_what_from_where_and_no_secret(self, office: Office, client: FlaskClient) -> None:
        secret = office.secrets[office.project]
        body = {"tool": "label-studio", "url": "http://t.test", "project": 7, "api_key": "hunter2-hunter2"}
        number = client.post("/api/v1/projects", json=body, headers=bearer(ADMIN)).json["id"]
        office.label("mood", {text: "bad" if text in "ab" else "good" for text in "abcdef"})
        client.post(f"/api/v1/projects/{office.project}/questions/mood/train", headers=bearer(ADMIN))
        client.get(f"/api/v1/projects/{office.project}/questions/mood/labels", headers=bearer(ADMIN)).close()
        client.delete(f"/api/v1/projects/{office.other}", headers=bearer(READER))
        call(client, secret[Purpose.PREDICT], "START_TRAINING", "1.99")
        call(client, secret[Purpose.WEBHOOK], "train", "1.99")
        client.get("/api/v1/status", auth=("x", "lwt_wrong"))
        found = [(line.role, line.project_id, line.action, line.status) for line in office.audit()]
        assert found == [
            ("admin", number, "POST /api/v1/projects", 202),
            ("admin", office.project, f"POST /api/v1/projects/{office.project}/questions/mood/train", 202),
            ("admin", office.project, f"GET /api/v1/projects/{office.project}/questions/mood/labels", 200),
            ("reader", office.other, f"DELETE /api/v1/projects/{office.other}", 403),
            ("tool (predict)", office.project, "train, asked for in label-studio project 1.99", 200),
            ("nobody", None, "GET /api/v1/status (1 more refused since the last line)", 401),
        ]
        assert {line.peer for line in office.audit()} == {"127.0.0.1"}
        text = client.get("/api/v1/audit", headers=bearer(ADMIN)).text
        for word in ("hunter2", "lwt_", ADMIN, READER):
            assert word not in text
        lines = client.get("/api/v1/audit?count=1&project=1", headers=bearer(ADMIN)).json["lines"]
        assert [line["action"] for line in lines] == ["train, asked for in label-studio project 1.99"]
        assert client.get("/api/v1/audit?count=0", headers=bearer(ADMIN)).status_code == 400
        assert client.get("/api/v1/audit", headers=bearer(READER)).status_code == 403

    def test_looking_asking_and_hints_are_no_lines(self, office: Office, client: FlaskClient) -> None:
        client.get("/api/v1/status", headers=bearer(ADMIN))
        client.post("/api/v1/projects/1/suggest", json={"examples": []}, headers=bearer(ADMIN))
        for name in ("predict", "webhook", "setup"):
            call(client, office.secrets[office.project][Purpose.PREDICT], name, "1.99")
        assert office.audit() == []

    def test_strangers_cannot_fill_it(self, office: Office, client: FlaskClient) -> None:
        for number in range(50):
            client.get(f"/{number}\n\x00%00", environ_base={"REMOTE_ADDR": "192.0.2.1"})
        assert [line.action for line in office.audit()] == ["GET /0??"]

    def test_refusals_are_let_through_by_peer_and_in_all(self) -> None:
        refusals = Refusals(seconds=3600, most=3)
        let = [refusals.let(peer, 401) for peer in ("a", "a", "b", "c", "d", "e")]
        assert let == [0, None, 1, 0, None, None]

    def test_only_so_many_lines_are_kept(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        from labelwheel.backend.projects import audit_log

        monkeypatch.setattr(audit_log, "KEPT", 20)
        with office.database.transaction() as tx:
            for number in range(250):
                audit_log.note(tx, "admin", str(number))
        assert 20 <= len(office.audit()) < 20 + 100
        assert office.audit()[-1].action == "249"


def test_the_decision_log_says_whose_wish_it_was(office: Office, client: FlaskClient) -> None:
    path = f"/api/v1/projects/{office.project}/questions/mood"
    office.promote({"mood": "v2"})
    words = ["parcel", "refund", "colour", "delivery", "jacket", "invoice", "account", "password", "rain", "shoes"]
    texts = [f"the {one} and the {other}" for one in words for other in words if one < other]
    office.label("mood", {text: ("good", "bad")[number % 2] for number, text in enumerate(texts)})
    ordered = client.post(f"{path}/train", headers=bearer(ADMIN)).json["id"]
    client.delete(f"/api/v1/rounds/{ordered}", headers=bearer(ADMIN))
    client.post(f"{path}/rollback", headers=bearer(ADMIN))
    with office.database.session() as session:
        said = {row.kind: row.reason for row in session.scalars(select(Decision))}
    assert said == {
        "ordered": "the admin at 127.0.0.1 asked for it",
        "cancelled": "the admin at 127.0.0.1 cancelled it",
        "rolled back": "the admin at 127.0.0.1 asked for v1 instead of v2",
    }


def test_a_signature_is_good_for_one_dataset(office: Office, client: FlaskClient) -> None:
    datasets = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
    secrets = ("bGFiZWx3aGVlbC1zZWNyZXQtb2YtdGhlLWZpcnN0LW9uZQ==", "bGFiZWx3aGVlbC1zZWNyZXQtb2YtdGhlLXNlY29uZC1vbmU=")
    with office.database.transaction() as tx:
        for dataset, secret in zip(datasets, secrets, strict=True):
            tx.add(
                Project(
                    tool="argilla", url="http://a.test", external_id=dataset, api_key="k", service_url="http://us",
                    reference=dataset, state=ProjectState.CONNECTED,
                    options=office.keys.seal_options({"secret": SecretStr(secret)}),
                )
            )  # fmt: skip
    body = json.dumps({"type": "response.created", "data": {"record": {"dataset": {"id": datasets[0]}}}})
    moment = datetime.now(UTC) + timedelta(seconds=1)
    for dataset, secret, wanted in (
        (datasets[0], secrets[1], 401),
        (datasets[1], secrets[0], 401),
        (datasets[0], secrets[0], 204),
    ):
        signed = {
            "webhook-id": "msg_1", "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign("msg_1", moment, body),
        }  # fmt: skip
        assert client.post(f"/argilla/{dataset}/webhook", data=body, headers=signed).status_code == wanted

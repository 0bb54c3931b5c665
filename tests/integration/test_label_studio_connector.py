"""The connector against the real Label Studio, with a small host in the place of labelwheel's web process."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from pydantic import SecretStr

from labelwheel.plugins.connector import Connection, Page, Service, Suggestion, Work
from labelwheel.plugins.errors import AddressRefused, ToolError, ToolFailed, ToolRefused, UnknownProject
from labelwheel.plugins.label_studio import LabelStudio, retirement
from labelwheel.plugins.label_studio.client import Client
from labelwheel.plugins.label_studio.project import Project
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.questions import Example, Prediction, Question
from testkit.label_studio import LabelStudioServer
from testkit.server import free_port
from testkit.wsgi_server import serving

pytestmark = pytest.mark.server

PREDICT, WEBHOOK = "lwt_for-predictions", "lwt_for-webhooks"
SENTIMENT = """<View><Text name="text" value="$text"/>
<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices></View>"""
TWO = """<View><Text name="text" value="$text"/>
<Choices name="mood" toName="text"><Choice value="good"/><Choice value="bad"/></Choices>
<Labels name="who" toName="text"><Label value="PER"/><Label value="ORG"/></Labels></View>"""
EVERYTHING = """<View><Text name="text" value="$text"/><Text name="other" value="$other"/>
<HyperText name="page" value="$page"/>
<Choices name="one" toName="text"><Choice value="Yes" alias="y"/><Choice value="No"/></Choices>
<Choices name="many" toName="text" choice="multiple"><Choice value="a"/><Choice value="b"/><Choice value="c"/></Choices>
<Choices name="onpage" toName="page"><Choice value="long"/><Choice value="short"/></Choices>
<Labels name="who" toName="text"><Label value="PER"/><Label value="ORG"/></Labels>
<HyperTextLabels name="mark" toName="page"><Label value="X"/></HyperTextLabels>
<Rating name="stars" toName="text" maxRating="4"/>
<Taxonomy name="tree" toName="text"><Choice value="Animals"><Choice value="Dog"/></Choice><Choice value="Plants"/>
</Taxonomy>
<Number name="count" toName="text" min="0" max="100"/>
<Pairwise name="better" toName="text,other"/>
<Choices name="nest" toName="text" choice="multiple" allowNested="true"><Choice value="A"><Choice value="B"/></Choice>
</Choices>
<TextArea name="note" toName="text"/><TextArea name="reply" toName="text" maxSubmissions="1" editable="true"/>
<TextArea name="said" toName="text" perRegion="true"/></View>"""
EVERYTHING_SAID = {
    "one": "y",
    "many": ["a", "c"],
    "onpage": "short",
    "who": [{"start": 2, "end": 6, "label": "PER"}, {"start": 16, "end": 22, "label": "ORG"}],
    "mark": [{"start": 5, "end": 8, "label": "X"}],
    "stars": 3,
    "tree": [["Animals", "Dog"], ["Plants"]],
    "count": 42,
    "better": "right",
    "nest": ["A", "A › B"],
    "note": ["one 😀", "two\nlines"],
    "reply": "Dear Jane,\n\n  yours <b>& so on</b>",
}
EVERYTHING_TASK = {
    "text": "😀 Jane works at Google 😀 in Paris",
    "other": "another text",
    "page": "<p>One</p>\n<p>two <b>😀 three</b></p>",
}


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"labelwheel:{secret}".encode()).decode()


class Desk:
    """The web process's place: says what it is told to say, and remembers what it was told."""

    def __init__(self) -> None:
        self.predict, self.webhook = {PREDICT}, {WEBHOOK}  # the secrets that are good
        self.version_of: dict[str, str] = {}
        self.past: list[str] = []
        self.questions_of: dict[str, Sequence[Question]] = {}
        self.said: dict[str, Any] = {}
        self.scores: dict[str, float] = {}
        self.hints: list[str] = []
        self.trained: list[str] = []
        self.refused: list[str] = []
        self.asked: list[int] = []
        self.url = ""
        app = Flask(__name__)
        app.register_blueprint(LabelStudio.routes(self))
        app.before_request(self._check)
        app.register_error_handler(LabelwheelError, self._error)
        self.app = app

    def _check(self) -> Response | None:
        good = self.predict | self.webhook if request.path == "/webhook" else self.predict
        if request.headers.get("Authorization") in map(basic, good):
            return None
        self.refused.append(request.path)
        response = jsonify({"error": {"type": "Unauthorized", "message": "no token"}})
        response.status_code = 401
        return response

    def _error(self, error: LabelwheelError) -> Response:
        response = jsonify({"error": {"type": type(error).__name__, "message": str(error)}})
        response.status_code = error.status
        return response

    def version(self, tool: str, reference: str) -> str:
        assert tool == "label-studio"
        if reference not in self.version_of:
            raise UnknownProject(f"nobody connected {reference}: run `labelwheel connect`")
        return self.version_of[reference]

    def versions(self, tool: str, reference: str | None) -> list[str]:
        return list(dict.fromkeys([*self.version_of.values(), *self.past]))

    def questions(self, tool: str, reference: str) -> Sequence[Question]:
        return self.questions_of[reference]

    def suggest(self, tool: str, reference: str, examples: Sequence[Example]) -> list[Suggestion]:
        self.asked.append(len(examples))
        version = self.version(tool, reference)
        return [self.suggestion(example, version) for example in examples]

    def suggestion(self, example: Example, version: str) -> Suggestion:
        score = self.scores.get(example.key, 0.75)
        return Suggestion(
            example=example,
            version=version,
            predictions={
                name: Prediction(answer=answer, score=score, item_scores=(score,) * 9)
                for name, answer in self.said.items()
            },
        )

    def hint(self, tool: str, reference: str, keys: Collection[str] = ()) -> None:
        self.hints.append(reference)

    def train(self, tool: str, reference: str) -> dict[str, str]:
        self.trained.append(reference)
        return {"mood": "no round: 3 of 16 new labels"}


def service(url: str, predict: str = PREDICT, webhook: str = WEBHOOK) -> Service:
    return Service(url=url, predict_secret=SecretStr(predict), webhook_secret=SecretStr(webhook))


@pytest.fixture(scope="module")
def server() -> Iterator[LabelStudioServer]:
    with LabelStudioServer() as running:
        yield running


@pytest.fixture
def desk() -> Iterator[Desk]:
    it = Desk()
    with serving(it.app) as it.url:
        yield it


def connector(server: LabelStudioServer, project: int, options: Any = None, key: str | None = None) -> LabelStudio:
    return LabelStudio(
        Connection(
            tool="label-studio",
            url=server.url,
            api_key=SecretStr(key or server.pat),
            project=str(project),
            options=options or {},
        )
    )


def connected(server: LabelStudioServer, desk: Desk, project: int, version: str = "g1") -> LabelStudio:
    it = connector(server, project)
    config = it.config()
    desk.version_of[config.reference] = version
    desk.questions_of[config.reference] = config.questions
    it.wire(service(desk.url), version)
    return it


def backends(server: LabelStudioServer, project: int) -> list[dict[str, Any]]:
    return list(server.api("GET", "/api/ml", params={"project": project}))


def webhooks(server: LabelStudioServer, project: int) -> list[dict[str, Any]]:
    return list(server.api("GET", "/api/webhooks/", params={"project": project}))


def choice(value: str, name: str = "mood") -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [value]}}


def drain(pages: Iterable[Page]) -> tuple[dict[str, Work], list[Page]]:
    read = list(pages)
    return {work.key: work for page in read for work in page.work}, read


def mine(server: LabelStudioServer, task: int) -> dict[str, Any]:
    """The newest prediction on a task."""
    return dict(max(server.task(task)["predictions"], key=lambda one: one["id"]))


def test_connect_wires_everything_and_again_changes_nothing(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(SENTIMENT, [{"text": "fine"}, {"text": "awful"}], show_collab_predictions=False)
    it = connected(server, desk, project)
    for _ in range(2):
        (backend,) = backends(server, project)
        assert (backend["url"], backend["title"], backend["model_version"]) == (desk.url, "g1", "g1")
        assert backend["readable_state"] == "Connected"
        (webhook,) = webhooks(server, project)
        assert webhook["url"] == f"{desk.url}/webhook"
        assert not webhook["send_for_all_actions"]
        assert "ANNOTATIONS_DELETED" in webhook["actions"]
        assert "START_TRAINING" not in webhook["actions"]
        settings = server.project(project)
        assert settings["show_collab_predictions"]
        assert settings["model_version"] == "g1"
        options = it.wire(service(desk.url), "g1")

    moved = desk.url.replace("127.0.0.1", "localhost")
    again = connector(server, project, dict(options))
    again.wire(service(moved), "g2")
    assert [(one["url"], one["title"]) for one in backends(server, project)] == [(moved, "g2")]
    assert [one["url"] for one in webhooks(server, project)] == [f"{moved}/webhook"]
    assert server.project(project)["model_version"] == "g2"

    again.unwire()
    assert backends(server, project) == []
    assert webhooks(server, project) == []
    assert desk.refused == []


def test_what_everybody_can_read_opens_webhooks_alone_and_new_secrets_take_the_place_of_old_ones(
    server: LabelStudioServer, desk: Desk
) -> None:
    project = server.create_project(SENTIMENT, [{"text": "fine"}])
    it = connected(server, desk, project)
    (backend,), (webhook,) = backends(server, project), webhooks(server, project)
    assert webhook["headers"] == {"Authorization": basic(WEBHOOK)}
    assert PREDICT not in json.dumps([backend, webhook])

    # as the worker does it: the new ones are good before Label Studio gets them, the old ones until it has them
    desk.predict, desk.webhook = {PREDICT, "lwt_new-predict"}, {WEBHOOK, "lwt_new-webhook"}
    it.wire(service(desk.url, "lwt_new-predict", "lwt_new-webhook"), "g1")
    desk.predict, desk.webhook = {"lwt_new-predict"}, {"lwt_new-webhook"}
    (backend,), (webhook,) = backends(server, project), webhooks(server, project)
    assert webhook["headers"] == {"Authorization": basic("lwt_new-webhook")}
    assert desk.refused == []
    desk.hints.clear()
    server.submit(server.task_ids(project)[0], [choice("positive")])
    server.api("POST", f"/api/ml/{backend['id']}/train", json={})
    assert desk.hints == desk.trained == [it.config().reference]
    assert desk.refused == []
    it.unwire()


def test_label_studio_gets_suggestions_and_tells_what_happens(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(TWO, [{"text": "Jane is happy"}, {"text": ""}, {"text": 7}])
    desk.said = {"mood": "good", "who": [{"start": 0, "end": 4, "label": "PER"}]}
    it = connected(server, desk, project)
    first, *others = server.task_ids(project)
    assert server.next_task(project)["id"] == first
    prediction = mine(server, first)
    assert prediction["model_version"] == "g1"
    assert prediction["score"] == 0.75
    assert [(one["from_name"], one["score"]) for one in prediction["result"]] == [("mood", 0.75), ("who", 0.75)]

    server.api(
        "POST",
        "/api/dm/actions",
        params={"id": "retrieve_tasks_predictions", "project": project},
        json={"selectedItems": {"all": True, "excluded": []}},
    )
    assert desk.asked == [1, 2]
    found = [[region["from_name"] for region in mine(server, task)["result"]] for task in others]
    assert found == [[], ["mood"]]

    assert desk.hints == []
    server.submit(first, prediction["result"], parent_prediction=prediction["id"])
    server.api("POST", f"/api/ml/{backends(server, project)[0]['id']}/train", json={})
    assert desk.hints == [it.config().reference]
    assert desk.trained == [it.config().reference]
    versions = server.api("GET", f"/api/ml/{backends(server, project)[0]['id']}/versions")
    assert versions["versions"] == ["g1"]
    assert desk.refused == []


def test_who_answers_a_task_second_sees_what_the_first_saw(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(SENTIMENT, maximum_annotations=2)
    server.import_tasks(project, [{"text": "one"}, {"text": "two"}])
    desk.said = {"mood": "good"}
    it = connected(server, desk, project)
    first, other = server.task_ids(project)
    chosen = {"id": "retrieve_tasks_predictions", "project": project}

    def shown(task: int) -> list[tuple[str, str]]:
        """After Label Studio has asked, as it does for who is given the task next; the newest last."""
        ids = {"selectedItems": {"all": False, "included": [task]}}
        server.api("POST", "/api/dm/actions", params=chosen, json=ids)
        rows = server.api("GET", "/api/predictions/", params={"task": task})
        rows = sorted(rows, key=lambda row: row["id"])
        return [(row["model_version"], row["result"][0]["value"]["choices"][0]) for row in rows]

    assert shown(first) == shown(other) == [("g1", "good")]
    server.submit(first, mine(server, first)["result"])
    desk.said, desk.version_of = {"mood": "bad"}, dict.fromkeys(desk.version_of, "g2")
    desk.past = ["g1"]
    it.announce("g2")
    desk.asked.clear()
    assert shown(first) == [("g1", "good"), ("g1", "good")]
    assert shown(other) == [("g1", "good"), ("g2", "bad")]
    assert desk.asked == [0, 1]
    server.submit(first, [choice("bad")])  # nobody else is to answer it now
    assert shown(first)[-1] == ("g2", "bad")


def test_a_refused_address_leaves_nothing_behind(desk: Desk) -> None:
    # With this setting alone Label Studio saves the backend, and then refuses the webhook.
    with LabelStudioServer(allow_local=False, environment={"ML_BLOCK_LOCAL_IP": "false"}) as strict:
        project = strict.create_project(SENTIMENT, show_collab_predictions=False)
        with pytest.raises(AddressRefused, match="USE_DEFAULT_BANNED_SUBNETS=false"):
            connected(strict, desk, project)
        assert backends(strict, project) == []
        assert webhooks(strict, project) == []
        settings = strict.project(project)
        assert not settings["show_collab_predictions"]
        assert not settings["model_version"]


def test_an_address_that_does_not_answer_is_named(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(SENTIMENT)
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ToolError, match="cannot reach labelwheel at " + nowhere):
        connector(server, project).wire(service(nowhere), "g1")
    with pytest.raises(ToolError, match="does not take labelwheel's secret"):
        connector(server, project).wire(service(desk.url, "wrong"), "g1")
    with pytest.raises(ToolError, match="labelwheel connect"):
        connector(server, project).wire(service(desk.url), "g1")
    assert backends(server, project) == []
    assert webhooks(server, project) == []


def test_another_backend_before_ours_is_named(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(SENTIMENT)
    it = connected(server, desk, project)
    with pytest.raises(ToolError, match="another ML backend"):
        connector(server, project).wire(service(f"http://127.0.0.1:{free_port()}"), "g9")
    assert len(backends(server, project)) == 1
    it.unwire()


def test_tokens(server: LabelStudioServer) -> None:
    project = server.create_project(SENTIMENT, title="Two moods")
    with pytest.raises(ToolRefused):
        connector(server, project, key="0" * 40).config()
    wrong = server.pat[:-4] + ("aaaa" if not server.pat.endswith("aaaa") else "bbbb")
    with pytest.raises(ToolRefused, match="make a new one"):
        connector(server, project, key=wrong).config()
    with pytest.raises(ToolError, match="no project 99999"):
        connector(server, 99999).config()
    config = connector(server, project, key=server.legacy_token()).config()
    assert config.title == "Two moods"
    assert config.reference.startswith(f"{project}.")


def test_a_project_is_found_by_its_title_and_a_wrong_address_is_called_that(server: LabelStudioServer) -> None:
    project = server.create_project(SENTIMENT, title="Letters to nobody")
    for name in ("Letters to nobody", "letters TO nobody", f"{server.url}/projects/{project}/data"):
        found = connector(server, project)._project.client
        assert Project(found, name).config().reference.startswith(f"{project}.")
    with pytest.raises(ToolError, match=r"no project 'Nowhere'.*Letters to nobody"):
        Project(found, "Nowhere").config()
    for path in ("/api", "/projects", "/user/login"):
        client = Client(f"{server.url}{path}", SecretStr(server.pat))
        with pytest.raises(ToolError, match=r"is not Label Studio's address|is this Label Studio's address|leads to"):
            Project(client, "1").config()


def test_every_kind_of_region_is_taken_and_comes_back(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(EVERYTHING, [EVERYTHING_TASK, EVERYTHING_TASK])
    it = connected(server, desk, project)
    config = it.config()
    assert [question.name for question in config.questions] == list(EVERYTHING_SAID)
    assert [(one.name, one.reason) for one in config.unlearnt] == [
        ("said", "it is asked about each region; only questions about the whole task are learnt")
    ]
    desk.said = EVERYTHING_SAID
    pulled, pushed = server.task_ids(project)
    assert server.next_task(project)["id"] == pulled
    (page,) = it.waiting("g1", None)
    assert [example.key for example in page.examples] == [str(pushed)]
    assert page.examples[0].fields["page"] == "One\ntwo 😀 three"
    assert it.push([desk.suggestion(page.examples[0], "g1")], config.questions) == 1

    for task in (pulled, pushed):
        prediction = mine(server, task)
        assert len(prediction["result"]) == len(EVERYTHING_SAID) + 1
        result = [{**region, "origin": "prediction"} for region in prediction["result"]]
        server.submit(task, result, parent_prediction=prediction["id"])
    works, _ = drain(it.poll(None))
    assert len(works) == 2
    for work in works.values():
        assert dict(work.answers) == EVERYTHING_SAID
        assert work.rejected == ()
        assert set(work.origins.values()) == {"accepted"}
        assert work.version == "g1"


def test_poll_follows_whatever_people_do(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(TWO, [{"text": f"Jane number {number}"} for number in range(6)])
    it = connector(server, project)
    it.config()
    tasks = server.task_ids(project)
    works, pages = drain(it.poll(None))
    assert works == {}
    assert [example.key for page in pages for example in page.examples] == [str(task) for task in tasks]
    cursor = pages[-1].cursor
    assert list(it.poll(cursor)) == []

    def news() -> list[Page]:
        nonlocal cursor
        found = list(it.poll(cursor))
        cursor = found[-1].cursor if found else cursor
        return found

    submitted = server.submit(tasks[0], [choice("good")], lead_time=3.5)
    (page,) = news()
    (work,) = page.work
    assert page.refreshed == (str(tasks[0]),)
    assert (work.key, work.annotator, work.lead_time) == (str(submitted["id"]), "label-studio:1", 3.5)
    assert dict(work.answers) == {"mood": "good", "who": []}
    assert dict(work.origins) == {"mood": "made", "who": "made"}
    assert work.version is None

    server.update(submitted["id"], result=[choice("bad")])
    (page,) = news()
    assert page.work[0].answers["mood"] == "bad"
    assert page.work[0].updated_at > work.updated_at

    other = server.create_user("second@labelwheel.example")
    server.submit(tasks[0], [choice("good")], completed_by=other)
    (page,) = news()
    assert {one.annotator for one in page.work} == {"label-studio:1", f"label-studio:{other}"}

    skipped = server.skip(tasks[1])
    (page,) = news()
    assert [(one.key, one.skipped, dict(one.answers)) for one in page.work] == [(str(skipped["id"]), True, {})]

    server.draft(tasks[2], [choice("good")])
    assert [one for page in news() for one in page.work] == []

    server.delete_annotation(submitted["id"])
    (page,) = news()
    assert page.refreshed == (str(tasks[0]),)
    assert [one.annotator for one in page.work] == [f"label-studio:{other}"]

    server.submit(tasks[3], [choice("good"), choice("neither"), {"value": 3}])
    server.api(
        "POST",
        "/api/dm/actions",
        params={"id": "delete_tasks_annotations", "project": project},
        json={"selectedItems": {"all": False, "included": [tasks[0]]}},
    )
    pages = news()
    assert {key for page in pages for key in page.refreshed} == {str(tasks[0]), str(tasks[3])}
    (work,) = (one for page in pages for one in page.work)
    assert "mood" not in work.answers
    assert work.rejected

    server.import_tasks(
        project, [{"data": {"text": "imported"}, "annotations": [{"result": [choice("bad")], "ground_truth": True}]}]
    )
    (page,) = news()
    assert page.work[0].answers["mood"] == "bad"

    server.delete_task(tasks[5])
    assert news() == []
    swept, pages = drain(it.sweep(None))
    assert str(tasks[5]) not in {example.key for page in pages for example in page.examples}
    assert len(swept) == 3

    server.change_project(project, label_config=TWO.replace('"bad"', '"awful"').replace("PER", "PERSON"))
    config = it.config()
    assert config.questions[0].values == ("good", "awful")
    swept, _ = drain(it.sweep(None))
    assert any(one.rejected for one in swept.values())


def test_where_a_label_came_from(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(TWO, [{"text": "Jane and Bob at Acme"} for _ in range(5)])
    it = connected(server, desk, project)
    it.config()
    desk.said = {
        "mood": "good",
        "who": [{"start": 0, "end": 4, "label": "PER"}, {"start": 16, "end": 20, "label": "ORG"}],
    }
    (page,) = it.waiting("g1", None)
    assert it.push([desk.suggestion(example, "g1") for example in page.examples], it.config().questions) == 5
    assert it.push([desk.suggestion(example, "g1") for example in page.examples], it.config().questions) == 0
    accepted, relabelled, removed, by_hand, copied = server.task_ids(project)

    def submit(task: int, change: Any, parent: bool = True) -> None:
        prediction = mine(server, task)
        result = change([{**region, "origin": "prediction"} for region in prediction["result"]])
        server.submit(task, result, **({"parent_prediction": prediction["id"]} if parent else {}))

    submit(accepted, lambda regions: regions)
    submit(relabelled, lambda regions: [{**choice("bad"), "origin": "prediction-changed"}, *regions[1:]])
    submit(removed, lambda regions: regions[:2])
    submit(by_hand, lambda regions: [{**choice("bad"), "origin": "manual"}], parent=False)
    server.api(
        "POST",
        "/api/dm/actions",
        params={"id": "predictions_to_annotations", "project": project},
        json={"selectedItems": {"all": False, "included": [copied]}, "model_version": "g1"},
    )
    works, _ = drain(it.poll(None))
    by_task = {int(work.example): work for work in works.values()}
    assert dict(by_task[accepted].origins) == {"mood": "accepted", "who": "accepted"}
    assert dict(by_task[relabelled].origins) == {"mood": "changed", "who": "accepted"}
    assert dict(by_task[removed].origins) == {"mood": "accepted", "who": "changed"}
    assert dict(by_task[by_hand].origins) == {"mood": "made", "who": "made"}
    assert dict(by_task[copied].origins) == {"mood": "accepted", "who": "accepted"}
    assert [by_task[task].version for task in (accepted, relabelled, removed, by_hand)] == ["g1", "g1", "g1", None]

    # Taking a version away unlinks it from the labels that began with it; the regions' ids still name it.
    it.announce("g2")
    it.retire(["g1"])
    works, _ = drain(it.sweep(None))
    assert {work.version for work in works.values() if work.example != str(by_hand)} == {"g1"}


def test_announce_makes_uncertainty_sampling_follow_each_version(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(
        SENTIMENT, [{"text": f"text {number}"} for number in range(4)], sampling="Uncertainty sampling"
    )
    it = connected(server, desk, project)
    config = it.config()
    desk.said = {"mood": "good"}
    tasks = server.task_ids(project)
    # The second time those wait first that the first version was least sure of; one is labelled by then.
    rounds = (("g1", (0.9, 0.2, 0.5, 0.7), (0, 1, 2, 3)), ("g2", (0.3, 0.8, 0.6, 0.4), (2, 3, 0)))
    for version, scores, expected in rounds:
        desk.version_of[config.reference] = version
        it.announce(version)
        assert server.project(project)["model_version"] == version
        waiting = [example.key for page in it.waiting(version, None) for example in page.examples]
        assert waiting == [str(tasks[index]) for index in expected]
        desk.scores = {str(task): score for task, score in zip(tasks, scores, strict=True)}
        for page in it.waiting(version, None):
            assert it.push([desk.suggestion(one, version) for one in page.examples], config.questions) == len(expected)
        assert list(it.waiting(version, None)) == []
        least = tasks[scores.index(min(scores))]
        assert server.next_task(project)["id"] == least
        server.submit(least, [choice("good")])
    assert desk.asked == []

    it.retire(["g1", "g2"])
    assert server.project(project)["model_version"] == "g2"
    left = {one["model_version"] for task in tasks for one in server.task(task)["predictions"]}
    assert left == {"g2"}


def test_many_old_predictions_go_a_few_at_a_time(
    server: LabelStudioServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retirement, "FEW", 2)
    monkeypatch.setattr(retirement, "SECONDS", 0.0)
    project = server.create_project(SENTIMENT, [{"text": f"text {number}"} for number in range(5)])
    it = connected(server, desk, project)
    desk.said, questions = {"mood": "good"}, it.config().questions
    for version in ("g1", "g2"):
        desk.version_of = dict.fromkeys(desk.version_of, version)
        it.announce(version)
        for page in it.waiting(version, None):
            assert it.push([desk.suggestion(one, version) for one in page.examples], questions) == 5
    assert [it.retire(["g1"]) for _ in range(4)] == [False, False, False, True]
    shown = [one["model_version"] for task in server.task_ids(project) for one in server.task(task)["predictions"]]
    assert shown == ["g2"] * 5
    assert server.project(project)["model_version"] == "g2"


def test_backfill_resumes_and_passes_over_what_changed(server: LabelStudioServer, desk: Desk) -> None:
    project = server.create_project(SENTIMENT, [{"text": f"text {number}"} for number in range(230)])
    it = connector(server, project)
    config = it.config()
    tasks = server.task_ids(project)
    server.submit(tasks[3], [choice("good")])
    desk.said = {"mood": "good"}
    pages = it.waiting("g1", None)
    first = next(pages)
    assert [example.key for example in first.examples] == [str(task) for task in tasks[:101] if task != tasks[3]]
    suggestions = [desk.suggestion(example, "g1") for example in first.examples]
    server.delete_task(tasks[0])
    assert it.push(suggestions, config.questions) == 99
    rest = [example.key for page in it.waiting("g1", first.cursor) for example in page.examples]
    assert rest == [str(task) for task in tasks[101:]]
    assert [len(page.examples) for page in it.waiting("g1", None)] == [100, 29]


def test_a_poll_costs_the_same_however_large_the_project(
    server: LabelStudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, int]] = []
    get = Client.get

    def counted(client: Client, path: str, *arguments: Any, **more: Any) -> Any:
        answer = get(client, path, *arguments, **more)
        calls.append((path, len(answer["tasks"])))
        return answer

    cost = {}
    for size in (50, 3000):
        project = server.create_project(SENTIMENT, [{"text": f"message {number}"} for number in range(size)])
        it = connector(server, project)
        it.config()
        _, pages = drain(it.poll(None))
        assert len({example.key for page in pages for example in page.examples}) == size
        assert len(pages[-1].cursor) < 12_000
        task = pages[0].examples[10].key
        server.submit(int(task), [choice("good")])
        with monkeypatch.context() as patch:
            patch.setattr(Client, "get", counted)
            started = time.monotonic()
            (page,) = it.poll(pages[-1].cursor)
            took = time.monotonic() - started
            assert page.refreshed == (task,)
            assert list(it.poll(page.cursor)) == []
        cost[size] = len(calls), sum(tasks for _, tasks in calls)
        calls.clear()
        print(f"one change among {size} tasks: {took:.2f} s, {cost[size][0]} requests for {cost[size][1]} tasks")
    assert cost[3000][0] == cost[50][0] == 4
    assert cost[3000][1] < 4 * 201 + 2


def test_a_bulk_action_that_stamps_thousands_alike_is_read_whole(server: LabelStudioServer) -> None:
    items = [{"data": {"text": f"t{number}"}, "annotations": [{"result": [choice("good")]}]} for number in range(900)]
    project = server.create_project(SENTIMENT, items)
    it = connector(server, project)
    it.config()
    _, pages = drain(it.poll(None))
    server.api(
        "POST",
        "/api/dm/actions",
        params={"id": "delete_tasks_annotations", "project": project},
        json={"selectedItems": {"all": True, "excluded": []}},
    )
    cursor = pages[-1].cursor
    interrupted = it.poll(cursor)
    first = next(interrupted)
    assert len(first.refreshed) == 100
    refreshed = set(first.refreshed)
    for page in it.poll(first.cursor):
        refreshed |= set(page.refreshed)
        assert page.work == ()
        cursor = page.cursor
    assert len(refreshed) == 900
    assert list(it.poll(cursor)) == []


def test_a_row_that_is_torn_in_its_database_is_named_and_the_rest_is_read(server: LabelStudioServer) -> None:
    rows: list[dict[str, Any]] = [
        {"data": {"text": f"text {number}"}, "annotations": [{"result": [choice("good")]}]} for number in range(9)
    ]
    project = server.create_project(SENTIMENT)
    server.import_tasks(project, rows)
    asked = connector(server, project)
    _, torn, *_ = tasks = sorted(server.task_ids(project))
    database = server.folder / "data" / "label_studio.sqlite3"
    where = f"WHERE task_id = {torn}"

    def run(statement: str) -> Any:
        with contextlib.closing(sqlite3.connect(database, timeout=60)) as connection, connection:
            return connection.execute(statement).fetchone()

    (kept,) = run(f"SELECT created_at FROM task_completion {where}")
    run(f"UPDATE task_completion SET created_at = 'torn' {where}")
    with pytest.raises(ToolFailed):
        Project(Client(server.url, SecretStr(server.pat)), str(project)).tasks(include="id")
    for pages in (list(asked.poll(None)), list(asked.sweep(None))):
        assert {key for page in pages for key in page.refreshed} == {str(task) for task in tasks if task != torn}
        assert not any(page.gone for page in pages)
    assert [one.key for page in pages for one in page.aside] == [str(torn)]
    run(f"UPDATE task_completion SET created_at = '{kept}' {where}")
    (whole,) = asked.sweep(None)
    assert len(whole.refreshed) == len(tasks)
    assert not whole.aside

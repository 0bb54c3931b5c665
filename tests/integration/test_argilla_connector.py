"""The connector against the real Argilla, without labelwheel around it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from labelwheel.backend.suggestions import ordering
from labelwheel.plugins.argilla import Argilla
from labelwheel.plugins.argilla import polling as polling_module
from labelwheel.plugins.argilla.ranks import PROPERTY
from labelwheel.plugins.connector import Connection, Page, Service, Suggestion, Work
from labelwheel.plugins.errors import ToolError, ToolRefused, ToolUnreachable
from labelwheel.training.questions import Example, Kind, Prediction
from testkit.argilla import ArgillaServer
from testkit.argilla_api import label_question, question, span_question, text_field

pytestmark = pytest.mark.server

_names = (f"set{number}" for number in itertools.count(1))
VERSION, NEXT = "lw-1-0001-abcdef", "lw-1-0002-ghjkmn"
SECRET = SecretStr("lwt_not-for-argilla")
SERVICE = Service(url="http://127.0.0.1:9", predict_secret=SECRET, webhook_secret=SECRET)
MOOD = label_question("mood", ["good", "bad"])
EVERYTHING = [
    MOOD,
    question("many", "multi_label_selection", ["a", "b", "c"]),
    span_question("who", ["PER", "ORG"]),
    question("stars", "rating", [1, 2, 3, 4]),
    question("odd", "rating", [1, 5, 10]),
    question("best", "ranking", ["one", "two", "three"]),
    question("better", "ranking", ["text", "other"]),
    question("note", "text"),
]
EMOJI = "😀 Jane works at Google 😀 in Paris"
SAID: dict[str, Prediction] = {
    "mood": Prediction(answer="good", score=0.75),
    "many": Prediction(answer=["a", "c"], score=0.5, item_scores=(0.9, 0.6)),
    "who": Prediction(
        answer=[{"start": 2, "end": 6, "label": "PER"}, {"start": 16, "end": 22, "label": "ORG"}],
        score=0.5,
        item_scores=(0.8, 0.7),
    ),
    "stars": Prediction(answer=3, score=0.4),
    "odd": Prediction(answer="5", score=0.4),
    "best: one or two": Prediction(answer="two", score=0.9),
    "best: one or three": Prediction(answer="three", score=0.6),
    "best: two or three": Prediction(answer="two", score=0.8),
    "better": Prediction(answer="right", score=0.7),
    "note": Prediction(answer="fine\nby me 😀", score=0.6),
}


@pytest.fixture(autouse=True)
def unwired(argilla: ArgillaServer) -> Iterator[None]:
    """Whatever becomes of one test, the next has room for ten webhooks."""
    yield
    argilla.delete_webhooks()


class Place:
    """A dataset with its connector, as the worker holds it."""

    def __init__(self, server: ArgillaServer, questions: Sequence[Any], records: Sequence[Any], **more: Any) -> None:
        self.server, self.name = server, next(_names)
        fields = more.pop("fields", [text_field()])
        self.id = server.create_dataset(self.name, fields, questions, records, **more)
        self.connector = self.anew()
        self.config = self.connector.config()

    def anew(self, **options: Any) -> Argilla:
        key = SecretStr(self.server.api_key)
        return Argilla(Connection(tool="argilla", url=self.server.url, api_key=key, project=self.name, options=options))

    def push(self, version: str = VERSION, said: dict[str, Prediction] | None = None) -> int:
        """A whole backfill; returns for how many records all is well."""
        taken = 0
        for page in self.connector.waiting(version, None):
            suggestions = [Suggestion(example=one, version=version, predictions=said or SAID) for one in page.examples]
            taken += self.connector.push(suggestions, self.config.questions)
        ordering.show(self.connector, "uncertain")
        return taken

    def shown(self, number: int = 0) -> dict[str, dict[str, Any]]:
        """The suggestions of a record by question."""
        names = {one["id"]: one["name"] for one in self.server.api("GET", f"/datasets/{self.id}/questions")["items"]}
        return {names[one["question_id"]]: one for one in self.records[number]["suggestions"]}

    def poll(self, cursor: str | None = None) -> list[Page]:
        return list(self.connector.poll(cursor))

    def webhooks(self) -> list[dict[str, Any]]:
        return [one for one in self.server.api("GET", "/webhooks")["items"] if self.id in one["url"]]

    @property
    def records(self) -> list[dict[str, Any]]:
        return self.server.records(self.id)


def works(pages: Sequence[Page]) -> dict[str, Work]:
    return {work.key: work for page in pages for work in page.work}


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "REST", 0.0)


def test_each_kind_of_question_goes_out_and_comes_back(argilla: ArgillaServer) -> None:
    fields = [text_field(), text_field("other", required=False)]
    place = Place(argilla, EVERYTHING, [{"text": EMOJI, "other": "another"}], fields=fields)
    kinds = {one.name: one.kind for one in place.config.questions}
    assert kinds.keys() == SAID.keys()
    assert kinds["better"] == Kind.PAIRWISE
    assert place.config.unlearnt == ()
    assert place.push() == 1

    shown = place.shown()
    assert {one["agent"] for one in shown.values()} == {VERSION}
    assert shown["mood"]["score"] == 0.75
    assert shown["many"]["score"] == [0.9, 0.6]
    assert [EMOJI.encode("utf-16-le")[2 * one["start"] : 2 * one["end"]].decode("utf-16-le")
            for one in shown["who"]["value"]] == ["Jane", "Google"]  # fmt: skip
    assert [one["value"] for one in shown["best"]["value"]] == ["two", "three", "one"]
    assert [one["value"] for one in shown["better"]["value"]] == ["other", "text"]

    # submitted as they are, all answers come back as they were predicted
    record = place.records[0]["id"]
    argilla.submit(record, {name: one["value"] for name, one in shown.items()})
    (work,) = works(place.poll()).values()
    assert work.answers == {name: one.answer for name, one in SAID.items()}
    assert not work.rejected


def test_what_several_people_do_is_taken_in_and_what_goes_is_noticed(argilla: ArgillaServer) -> None:
    place = Place(argilla, [MOOD], [{"text": "one"}, {"text": "two"}, {"text": "three"}], submitted=2)
    ann, bob = (argilla.create_annotator(f"{name}-{place.name}") for name in ("ann", "bob"))
    one, two, three = (record["id"] for record in place.records)
    (first, last) = place.poll()
    assert len(first.examples) == 3
    assert last.examples == ()
    assert place.poll(last.cursor) == [], "nothing happened"

    mine = argilla.submit(one, {"mood": "good"}, key=ann)
    argilla.submit(one, {"mood": "bad"}, key=bob)
    argilla.submit(two, {"mood": "good"}, key=ann, status="draft")
    skipped = argilla.submit(three, {"mood": "good"}, key=bob, status="discarded")
    pages = place.poll(last.cursor)
    assert {key for page in pages for key in page.refreshed} == {one, two, three}
    found = works(pages)
    assert len(found) == 3
    assert found[mine["id"]].answers == {"mood": "good"}
    assert found[mine["id"]].updated_at.isoformat() == mine["updated_at"] + "+00:00"
    assert found[skipped["id"]].skipped
    assert found[skipped["id"]].answers == {}

    cursor = pages[-1].cursor
    argilla.update(mine["id"], {"mood": "bad"}, key=ann)
    argilla.call("DELETE", f"/responses/{skipped['id']}", key=bob)
    pages = place.poll(cursor)
    assert {key for page in pages for key in page.refreshed} == {one, three}, "the others are as they were"
    assert works(pages)[mine["id"]].answers == {"mood": "bad"}
    assert skipped["id"] not in works(pages)

    argilla.delete_records(place.id, two)
    assert [page.gone for page in place.poll(pages[-1].cursor)] == [(two,)]
    assert {one.key for page in place.connector.sweep(None) for one in page.examples} == {one, three}


def test_a_response_without_values_stops_nothing(argilla: ArgillaServer) -> None:
    place = Place(argilla, [MOOD], [{"text": "one"}, {"text": "two"}])
    one, two = (record["id"] for record in place.records)
    # Argilla stores it, then fails over it and hangs up
    argilla.attempt("POST", f"/records/{one}/responses", json={"status": "discarded", "values": None})
    argilla.submit(two, {"mood": "good"})
    found = works(place.poll()).values()
    assert sorted(work.skipped for work in found) == [False, True]
    argilla.delete_records(place.id, one)  # it would keep the server's index from being built anew


def test_only_what_changed_is_sent_and_a_bad_item_costs_nothing_else(
    argilla: ArgillaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(argilla, [MOOD], [{"text": f"text {number}"} for number in range(7)])
    assert place.push() == 7
    sent: list[Any] = []
    client = place.connector._dataset.client
    send = client.send
    monkeypatch.setattr(client, "send", lambda *each, **more: sent.append(each) or send(*each, **more))
    assert place.push(NEXT) == 7
    assert sent == [], "the same answers, about as sure"
    assert place.shown()["mood"]["agent"] == VERSION

    changed = {"mood": Prediction(answer="bad", score=0.9)}
    bad = place.records[3]["id"]
    original = client.send

    def spoil(method: str, path: str, body: Any = None, **more: Any) -> Any:
        for item in (body or {}).get("items", []):
            if item["id"] == bad:
                item["suggestions"][0]["value"] = "nonsense"
        return original(method, path, body, **more)

    monkeypatch.setattr(client, "send", spoil)
    assert place.push("lw-1-0003-abcdef", changed) == 6
    assert [place.shown(number)["mood"]["value"] for number in range(7)] == ["bad"] * 3 + ["good"] + ["bad"] * 3


def test_answered_records_are_left_alone_and_metadata_stays(argilla: ArgillaServer) -> None:
    records = [{"fields": {"text": f"text {number}"}, "metadata": {"source": "mail"}} for number in range(5)]
    place = Place(argilla, [MOOD], records, allow_extra_metadata=True)
    options = place.connector.wire(SERVICE, VERSION)
    place.connector = place.anew(**options)
    argilla.submit(place.records[0]["id"], {"mood": "bad"})
    before = [record["responses"] for record in place.records]
    assert place.push() == 4
    assert place.shown(0) == {}
    after = place.records
    assert [record["responses"] for record in after] == before
    assert sorted(record["metadata"].pop(PROPERTY) for record in after[1:]) == [1, 2, 3, 4]
    assert [record["metadata"] for record in after] == [{"source": "mail"}] * 5
    body = {"sort": [{"scope": {"entity": "metadata", "metadata_property": PROPERTY}, "order": "asc"}]}
    found = argilla.api("POST", f"/datasets/{place.id}/records/search", json=body)
    ranks = [item["record"]["metadata"].get(PROPERTY) for item in found["items"]]
    assert [rank for rank in ranks if rank] == [1, 2, 3, 4], "annotators can sort by it"

    helpful = {record["id"] for record in place.records if record["metadata"].get(PROPERTY) == 1}
    assert {next(place.connector.waiting(NEXT, None)).examples[0].key} == helpful, "seen next, suggested first"
    assert place.push(NEXT) == 4
    place.connector.retire([NEXT])
    assert place.shown(1), "an older version said the same, and the newer one stands for it"
    place.connector.retire([VERSION, NEXT])
    assert place.shown(1) == {}, "nobody stands for them any more"
    place.connector.unwire()
    assert [record["metadata"] for record in place.records] == [{"source": "mail"}] * 5
    assert argilla.api("GET", f"/me/datasets/{place.id}/metadata-properties")["items"] == []
    assert place.webhooks() == []
    assert place.push("lw-1-0004-abcdef") == 4, "somebody may delete the property: the order is gone, no more"


def test_what_is_not_suggested_any_more_goes_and_other_agents_stay(argilla: ArgillaServer) -> None:
    many = question("many", "multi_label_selection", ["a", "b", "c"])
    place = Place(argilla, [MOOD, many], [{"text": "one"}])
    assert place.push() == 1
    ids = {one["name"]: one["id"] for one in argilla.api("GET", f"/datasets/{place.id}/questions")["items"]}
    theirs = {"question_id": ids["mood"], "value": "bad", "agent": "another model"}
    item = {"id": place.records[0]["id"], "suggestions": [theirs]}
    argilla.api("PUT", f"/datasets/{place.id}/records/bulk", json={"items": [item]})
    nothing = {"mood": Prediction(), "many": Prediction(answer=[], score=0.9)}
    assert place.push(NEXT, nothing) == 1
    assert {name: one["agent"] for name, one in place.shown().items()} == {"mood": "another model"}


def test_wiring_is_idempotent_and_polling_does_where_no_webhook_is_to_be_had(argilla: ArgillaServer) -> None:
    place = Place(argilla, [MOOD], [{"text": "one"}])
    options = place.connector.wire(SERVICE, VERSION)
    assert place.anew(**options).wire(SERVICE, VERSION) == options
    moved = place.anew(**options).wire(SERVICE.model_copy(update={"url": "http://127.0.0.1:99/"}), VERSION)
    (webhook,) = place.webhooks()
    assert webhook["url"] == f"http://127.0.0.1:99/argilla/{place.id}/webhook"
    assert sorted(webhook["events"]) == ["response.created", "response.deleted", "response.updated"]
    assert moved["secret"] == SecretStr(webhook["secret"])
    place.anew(**moved).unwire()
    assert place.webhooks() == []

    body = {"events": ["response.created"]}
    made = [
        argilla.api("POST", "/webhooks", json={**body, "url": f"http://127.0.0.1:1/{number}"}) for number in range(10)
    ]
    try:
        assert place.anew().wire(SERVICE, VERSION)["webhook"] is None
    finally:
        for one in made:
            argilla.call("DELETE", f"/webhooks/{one['id']}")


def test_records_that_go_during_a_listing_hide_no_others(argilla: ArgillaServer) -> None:
    place = Place(argilla, [MOOD], [{"text": f"text {number}"} for number in range(12)])
    keys = [record["id"] for record in place.records]
    seen: list[str] = []
    for listing in place.connector._dataset.scan((), 4):
        seen += [row["id"] for row in listing.rows]
        if len(seen) == 4:
            argilla.delete_records(place.id, keys[0], keys[3])
    assert set(keys) - {keys[0], keys[3]} <= set(seen)
    resumed = list(place.connector._dataset.scan((), 4, listing.cursor))
    assert resumed == []


def test_what_stands_in_the_way_is_said(argilla: ArgillaServer) -> None:
    place = Place(argilla, [MOOD], [{"text": "one"}])

    def connect(**more: Any) -> Argilla:
        values = {"tool": "argilla", "url": argilla.url, "api_key": argilla.api_key, "project": place.name, **more}
        return Argilla(Connection(**values))

    with pytest.raises(ToolRefused, match="API key"):
        connect(api_key="nonsense").config()
    with pytest.raises(ToolError, match=f"there are: .*{place.name}"):
        connect(project=f"{place.name}x").config()
    with pytest.raises(ToolError, match="an admin's or an owner's"):
        connect(api_key=argilla.create_annotator(f"ann-{place.name}")).config()
    argilla.create_dataset(place.name, [text_field()], [MOOD], workspace="elsewhere")
    with pytest.raises(ToolError, match="--workspace"):
        connect().config()
    assert connect(project=f"demo/{place.name}").config().reference == place.id
    draft = {"name": f"draft-{place.name}", "workspace_id": argilla.workspace("demo")}
    argilla.api("POST", "/datasets", json=draft)
    with pytest.raises(ToolError, match="publish"):
        connect(project=draft["name"]).config()
    argilla.call("DELETE", f"/datasets/{place.id}")
    with pytest.raises(ToolError, match="no dataset"):
        place.connector.config()


def test_without_a_server_it_is_unreachable() -> None:
    connection = Connection(tool="argilla", url="http://127.0.0.1:9", api_key=SecretStr("key"), project="one")
    connector = Argilla(connection)
    connector._dataset.client._attempts = 1
    with pytest.raises(ToolUnreachable):
        connector.config()


def test_the_index_of_the_harness_finds_what_was_answered(argilla: ArgillaServer) -> None:
    """What the in-memory engine does in place of OpenSearch's scripts, or the tests would hold nothing real."""
    place = Place(argilla, [MOOD], [{"text": "one"}, {"text": "two"}])
    record = place.records[0]["id"]
    made = argilla.submit(record, {"mood": "good"})
    scope = {"entity": "response", "property": "status"}
    body = {"filters": {"and": [{"type": "terms", "scope": scope, "values": ["submitted"]}]}}
    found = argilla.api("POST", f"/me/datasets/{place.id}/records/search", json=body)
    assert [item["record"]["id"] for item in found["items"]] == [record]
    argilla.call("DELETE", f"/responses/{made['id']}")
    assert argilla.api("POST", f"/me/datasets/{place.id}/records/search", json=body)["items"] == []
    assert requests.get(f"{argilla.url}/api/v1/version", timeout=10).json()["version"]


def test_examples_are_what_people_read(argilla: ArgillaServer) -> None:
    fields = [
        {"name": "talk", "title": "Talk", "required": True, "settings": {"type": "chat"}},
        text_field("summary", required=False),
        {"name": "photo", "title": "Photo", "required": False, "settings": {"type": "image"}},
    ]
    talk = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi 😀"}]
    place = Place(argilla, [MOOD], [{"talk": talk, "photo": "http://127.0.0.1/one.png"}], fields=fields)
    assert [one.name for one in place.config.unlearnt] == ["field photo"]
    (example,) = (one for page in place.poll() for one in page.examples)
    assert example == Example(key=place.records[0]["id"], fields={"talk": "user: hello\nassistant: hi 😀"})
    assert place.config.questions[0].inputs == ("talk", "summary")

"""The whole loop on a real Argilla: suggestions, answers, a round, a swap, an outage, webhooks that are forged."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from testkit import truth
from testkit.argilla import ArgillaServer
from testkit.argilla_stage import TOPICS, Stage
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(environment=quick) as wheel:
        yield wheel


@pytest.fixture(scope="module")
def stage(argilla: ArgillaServer, wheel: LabelwheelServer) -> Stage:
    return Stage(argilla, wheel, "messages", 120)


def test_from_the_names_of_labels_to_a_swap(stage: Stage, argilla: ArgillaServer) -> None:
    first = stage.backfilled()
    shown = stage.suggested("topic")
    assert set(shown) == set(stage.keys), "suggestions are there before the first label"
    assert {one["agent"] for one in shown.values()} == {first}
    assert {one["value"] for one in shown.values()} <= set(TOPICS)
    assert stage.suggested("mentions") == {}, "spans are not guessed"
    ranks = [record["metadata"]["labelwheel_rank"] for record in stage.records()]
    assert sorted(ranks) == list(range(1, 121))

    # one is accepted as it was suggested, the others are right whatever was suggested
    accepted = {"topic": shown[stage.keys[0]]["value"], "mentions": []}
    argilla.submit(stage.keys[0], accepted)
    stage.label(range(1, 60))
    colleague = argilla.create_annotator("colleague")
    stage.label([1, 2], key=colleague)  # someone else answers what is answered already
    skipped = argilla.submit(stage.keys[60], accepted, status="discarded")
    stage.agreed()
    taken = {"total": 63, "skipped": 1, "rejected": 0, "reasons": []}
    stage.wheel.until(lambda: stage.state()["work"] == taken, PATIENCE, "a discarded response was not noticed")
    (label,) = truth.rows(
        stage.wheel,
        "SELECT * FROM labels WHERE example_key = ? AND question = 'topic' AND project_id = ?",
        stage.keys[0],
        stage.number,
    )
    assert (label["origin"], label["version"]) == ("accepted", first)

    before = [record["responses"] for record in stage.records()]
    stage.promoted()
    second = stage.backfilled()
    assert second != first
    assert json.dumps([record["responses"] for record in stage.records()]) == json.dumps(before), (
        "nobody's answer moved"
    )
    shown = stage.suggested("topic")
    pending = {record["id"] for record in stage.records() if record["status"] == "pending"}
    agents = {one["agent"] for key, one in shown.items() if key in pending}
    assert second in agents, "a model that was trained says something else than the names of labels"
    assert agents <= {first, second}
    assert {shown[key]["agent"] for key in stage.keys if key not in pending} == {first}

    rate = {one["version"]: one for one in stage.state()["acceptance"]}
    assert rate[first]["accepted"] >= 1
    assert rate[first]["accepted"] + rate[first]["changed"] + rate[first]["made"] == 2 * 62

    argilla.call("DELETE", f"/responses/{skipped['id']}")
    argilla.delete_records(stage.dataset, stage.keys[59])
    stage.agreed()
    stage.wheel.until(lambda: stage.state()["examples"]["gone"] == 1, PATIENCE, "a deleted record was not noticed")


def test_webhooks_are_hints_and_forged_ones_nothing(stage: Stage, argilla: ArgillaServer) -> None:
    (webhook,) = stage.webhooks()
    assert webhook["url"] == f"{stage.wheel.url}/argilla/{stage.dataset}/webhook"

    def hinted() -> Any:
        return stage.state()["poll"]["hinted_at"]

    def send(
        body: dict[str, Any], secret: str = webhook["secret"], age: int = 0, path: str = stage.dataset
    ) -> requests.Response:
        moment = time.time() - age
        data = json.dumps(body)
        stamp = time.gmtime(moment)
        signature = Webhook(secret).sign("msg_1", _aware(stamp), data)
        headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(moment)), "webhook-signature": signature}
        url = f"{stage.wheel.url}/argilla/{path}/webhook"
        return requests.post(url, data=data, headers={**headers, "Content-Type": "application/json"}, timeout=30)

    def event(dataset: str) -> dict[str, Any]:
        return {"type": "response.created", "data": {"record": {"dataset": {"id": dataset}}}}

    def silent() -> bool:
        last = hinted()
        time.sleep(5)  # Argilla sends some five events a second, one after the other
        return bool(hinted() == last)

    stage.agreed()
    stage.wheel.until(silent, PATIENCE, "Argilla goes on sending webhooks of what was answered before")
    before, events = hinted(), truth.events(stage.wheel)
    mine, foreign = stage.dataset, "11111111-1111-4111-8111-111111111111"
    assert send(event(mine), secret="Zm9yZ2VkIGZvcmdlZCBmb3JnZWQ=").status_code == 401
    assert send(event(mine), age=301).status_code == 401
    assert send(event(mine), age=-360).status_code == 401  # a minute more: it ages on its way
    assert send(event(foreign), path=foreign).status_code == 401
    unsigned = requests.post(webhook["url"], json=event(mine), timeout=30)
    assert unsigned.status_code == 401
    assert webhook["secret"] not in unsigned.text + stage.wheel.log.read_text()
    assert send(event(foreign)).status_code == 204
    assert send({"type": "record.updated", "data": {"dataset": {"id": mine}}}).status_code == 204
    time.sleep(1.5)  # longer than a hint takes to be written
    assert hinted() == before
    assert truth.events(stage.wheel) == events
    assert send(event(mine)).status_code == 204
    stage.wheel.until(lambda: hinted() != before, PATIENCE, "a true webhook was no hint")

    # and the server's own come through
    before = hinted()
    stage.label([70])
    stage.wheel.until(lambda: hinted() != before, PATIENCE, "Argilla's webhook did not arrive")


def test_after_an_outage_of_everything_nothing_is_missing(argilla: ArgillaServer, stage: Stage) -> None:
    stage.agreed()
    kept = stage.label(range(80, 84))
    stage.agreed()
    stage.wheel.stop()
    argilla.kill_queue()
    # Argilla keeps the answers, although it fails to send its webhooks and says so
    for index in range(84, 104):
        body = {"values": {name: {"value": value} for name, value in stage.gold(index).items()}, "status": "submitted"}
        argilla.attempt("POST", f"/records/{stage.keys[index]}/responses", json=body)
    other = {"topic": {"value": TOPICS[0]}, "mentions": {"value": []}}
    argilla.attempt("PUT", f"/responses/{kept[0]}", json={"values": other, "status": "submitted"})
    argilla.attempt("DELETE", f"/responses/{kept[1]}")
    argilla.attempt("PUT", f"/responses/{kept[2]}", json={"values": other, "status": "discarded"})
    argilla.start_queue()
    stage.wheel.start()
    stage.agreed()
    found = {key for key, _ in truth.ledger(stage.wheel, stage.number)}
    assert len({key for key, _ in stage.labelled()} & found) >= 20
    assert kept[0] in found
    assert not {kept[1], kept[2]} & found


def test_disconnecting_undoes_the_wiring(argilla: ArgillaServer, stage: Stage) -> None:
    before = [record["responses"] for record in stage.records()]
    done = stage.wheel.run("connect", "argilla", "--url", argilla.url, "--api-key", argilla.api_key,
                           "--dataset", stage.name, "--workspace", "demo")  # fmt: skip
    assert done.returncode == 1
    assert f"by the name {stage.name!r}" in " ".join(done.stderr.split())
    assert len(stage.webhooks()) == 1, "the refused connection left the other's wiring alone"
    stage.connect()
    done = stage.wheel.run("disconnect", "--project", stage.name)
    assert done.returncode == 0, done.stderr
    assert stage.webhooks() == []
    records = stage.records()
    assert [record["responses"] for record in records] == before
    assert not any("labelwheel_rank" in (record["metadata"] or {}) for record in records)
    assert stage.suggested("topic"), "suggestions stay"


def _aware(stamp: time.struct_time) -> Any:
    from datetime import UTC, datetime

    return datetime(*stamp[:6], tzinfo=UTC)

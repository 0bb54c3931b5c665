"""Label errors in the real labelling tools: there when asked for, gone when put right, and with the connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from labelwheel.plugins.argilla import doubts as argilla_doubts
from labelwheel.plugins.label_studio import doubts as studio_doubts
from testkit import truth
from testkit.argilla import ArgillaServer
from testkit.argilla_stage import TOPICS, Stage
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from tests.integration.doubtful import in_argilla, in_label_studio, inspected

pytestmark = [pytest.mark.server, pytest.mark.slow]

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="topic" toName="text"><Choice value="Billing"/>'
    '<Choice value="Delivery"/></Choices></View>'
)
LABELLED = 12


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(environment=quick) as wheel:
        yield wheel


def said(wheel: LabelwheelServer, *arguments: str) -> str:
    done = wheel.run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def newest(wheel: LabelwheelServer, number: int, key: str) -> Any:
    query = "SELECT action FROM events WHERE project_id = ? AND example_key = ? AND question = 'topic' ORDER BY id DESC"
    return truth.rows(wheel, query, number, key)[0]["action"]


def test_label_studio_has_a_tab_of_them(studio: LabelStudioServer, wheel: LabelwheelServer) -> None:
    texts = [f"message {number}: the parcel or the invoice number {number**3} is wrong" for number in range(LABELLED)]
    project = studio.create_project(CONFIG, [{"text": text} for text in texts])
    tasks = studio.task_ids(project)

    def choice(value: str) -> list[dict[str, Any]]:
        return [{"from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": [value]}}]

    works = {task: studio.submit(task, choice("Billing"))["id"] for task in tasks}

    def connect() -> int:
        wheel.connect("label-studio", studio.url, studio.pat, project=project)
        return next(int(each["id"]) for each in wheel.status()["projects"] if each["external_id"] == str(project))

    def titles() -> list[str]:
        listed = studio.api("GET", "/api/dm/views/", params={"project": project})
        return [str(one["data"]["title"]) for one in listed]

    def becomes(tasks: list[int], what: str) -> None:
        wheel.until(lambda: in_label_studio(studio, project) == tasks, PATIENCE, what)

    number = connect()
    wheel.until(
        lambda: not truth.difference(truth.labelled(studio, project), truth.ledger(wheel, number)), PATIENCE, "labels"
    )
    inspected(wheel, number, [str(tasks[place]) for place in (7, 2, 5)], LABELLED)
    others = titles()
    assert studio_doubts.TITLE not in others
    assert "shows them within seconds" in said(wheel, "errors", "-p", str(number), "--send-back")
    becomes([tasks[2], tasks[5], tasks[7]], "the three that were found, by number")

    studio.update(works[tasks[5]], result=choice("Delivery"))
    becomes([tasks[2], tasks[7]], "what was put right is gone")
    assert newest(wheel, number, str(tasks[5])) == "updated"
    assert connect() == number
    becomes([tasks[2], tasks[7]], "connecting again keeps it")

    assert "shows them no more" in said(wheel, "errors", "-p", str(number), "--no-send-back")
    wheel.until(lambda: titles() == others, PATIENCE, "the tab is gone")
    said(wheel, "errors", "-p", str(number), "--send-back")
    becomes([tasks[2], tasks[7]], "and is there again")
    said(wheel, "disconnect", "--project", str(number))
    assert titles() == ["Default"]


def test_argilla_has_a_number_for_them(argilla: ArgillaServer, wheel: LabelwheelServer) -> None:
    stage = Stage(argilla, wheel, "doubtful", LABELLED)
    responses = stage.label(range(LABELLED))
    stage.agreed()
    keys, name = stage.keys, argilla_doubts.PROPERTY

    def properties() -> list[str]:
        return [one["name"] for one in argilla.api("GET", f"/me/datasets/{stage.dataset}/metadata-properties")["items"]]

    def becomes(keys: list[str], what: str) -> None:
        wheel.until(lambda: in_argilla(argilla, stage.dataset) == keys, PATIENCE, what)

    number = str(stage.number)
    inspected(wheel, stage.number, [keys[place] for place in (7, 2, 5)], LABELLED)
    assert name not in properties()
    said(wheel, "errors", "-p", number, "-q", "topic", "--send-back")
    becomes([keys[7], keys[2], keys[5]], "the three that were found, the most doubtful first")

    other = next(topic for topic in TOPICS if topic != stage.gold(2)["topic"])
    argilla.update(responses[2], {**stage.gold(2), "topic": other})
    becomes([keys[7], keys[5]], "what was put right has no number any more")
    assert newest(wheel, stage.number, keys[2]) == "updated"
    stage.connect()
    becomes([keys[7], keys[5]], "connecting again keeps it")

    said(wheel, "errors", "-p", number, "--no-send-back")
    wheel.until(lambda: name not in properties(), PATIENCE, "the property is gone")
    assert not any(name in (record["metadata"] or {}) for record in stage.records())
    said(wheel, "errors", "-p", number, "-q", "topic", "--send-back")
    becomes([keys[7], keys[5]], "and is there again")
    before = [record["responses"] for record in stage.records()]
    said(wheel, "disconnect", "--project", number)
    assert name not in properties()
    assert not any(name in (record["metadata"] or {}) for record in stage.records())
    assert [record["responses"] for record in stage.records()] == before

"""Two Label Studio projects that ask the same under other names share one champion, on the real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from demo import messages
from testkit import truth
from testkit.annotator import choice_region
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE
from testkit.stage import TOPIC_CONFIG, Stage

pytestmark = [pytest.mark.server, pytest.mark.slow]

SUBJECT_CONFIG = (
    TOPIC_CONFIG.replace('name="topic" toName="text"', 'name="subject" toName="message"')
    .replace('<Text name="text" value="$text"/>', '<Text name="message" value="$body"/>')
    .replace("</View>", '<Rating name="urgency" toName="message"/></View>')
)
OURS, THEIRS = 60, 30
"""So many labels each project brings."""


@pytest.fixture(scope="module")
def wheel(quick: dict[str, str]) -> Iterator[LabelwheelServer]:
    with LabelwheelServer(environment=quick) as wheel:
        yield wheel


def subject(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The right answer to the second project's question."""
    return [{**choice_region("subject", row["topic"]), "to_name": "message"}]


def answer(wheel: LabelwheelServer, number: int, fields: Mapping[str, str], question: str) -> dict[str, Any]:
    """What a project is suggested for a text; the version that says so is the one that `status` shows."""
    found = wheel.call(
        "POST", f"/api/v1/projects/{number}/suggest", json={"examples": [{"key": "x", "fields": fields}]}
    ).json()
    assert found["version"] == project(wheel, number)["version"]["current"]
    return dict(found["suggestions"][0]["predictions"][question])


def project(wheel: LabelwheelServer, number: int) -> dict[str, Any]:
    return next(each for each in wheel.status()["projects"] if each["id"] == number)


def champions(wheel: LabelwheelServer, *numbers: int) -> set[str]:
    """The checkpoints that answer the shared question, once every project has been told what it is served with."""

    def told() -> bool:
        versions = [project(wheel, number)["version"] for number in numbers]
        return all([each["current"]] == each["served"] == [each["announced"]] for each in versions)

    wheel.until(told, PATIENCE, "a generation was not announced")
    questions = [project(wheel, number)["questions"][0] for number in numbers]
    return {each["champion"]["version"] for each in questions}


def test_labels_of_both_projects_train_the_champion_of_both(studio: LabelStudioServer, wheel: LabelwheelServer) -> None:
    stage = Stage(studio, wheel, tasks=OURS + 10, labelled=OURS)
    second = studio.create_project(SUBJECT_CONFIG)
    rows = messages.rows()[OURS + 10 :][: THEIRS + 20]
    # the last one stands in the first project too, with another topic: both answers decide, and it is one example
    twin = messages.rows()[0]
    items: list[dict[str, Any]] = [{"data": {"body": row["text"]}} for row in (*rows, twin)]
    for item, row in zip(items[:THEIRS], rows, strict=False):
        item["annotations"] = [{"result": subject(row)}]
    items[-1]["annotations"] = [{"result": subject(rows[0])}]
    studio.import_tasks(second, items)

    done = wheel.run(
        "connect", "label-studio", "--url", studio.url, "--api-key", studio.pat, "--project", str(second),
        "--share-with", str(stage.number),
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{wheel.tail()}"
    said = " ".join(done.stdout.split())
    assert f"subject shares its champion with topic of project {stage.number}" in said
    assert "not shared: urgency" in said
    number = int(wheel.status()["projects"][-1]["id"])
    wheel.until(
        lambda: project(wheel, number)["questions"][0]["labels"]["total"] == THEIRS + 1, PATIENCE, "labels are missing"
    )
    assert len(champions(wheel, stage.number, number)) == 1

    asked = wheel.call("POST", f"/api/v1/projects/{number}/questions/subject/train")
    assert asked.status_code == 202
    again = wheel.call("POST", f"/api/v1/projects/{stage.number}/questions/topic/train")
    assert again.status_code == 409
    ended = stage.ended(int(asked.json()["id"]))
    assert (ended["state"], ended["label_count"]) == ("promoted", OURS + THEIRS), ended["reason"]
    assert champions(wheel, stage.number, number) == {ended["version"]}
    for one, theirs in ((stage.number, stage.project), (number, second)):
        version = project(wheel, one)["version"]["current"]
        truth.wait_until_shown(wheel, studio, theirs, version)
    text = "Where is my parcel? It should have been here on Monday."
    assert answer(wheel, stage.number, {"text": text}, "topic") == answer(wheel, number, {"message": text}, "subject")

    parts = truth.rows(wheel, "SELECT project_id, group_key, part FROM examples")
    sides: dict[str, set[str]] = {}
    for row in parts:
        sides.setdefault(row["group_key"], set()).add(row["part"])
    assert all(len(side) == 1 for side in sides.values())
    assert {row["project_id"] for row in parts if row["group_key"] == _group(wheel, twin["text"])} == {
        stage.number,
        number,
    }

    back = wheel.run("rollback", "--project", str(stage.number), "--question", "topic")
    assert back.returncode == 0, back.stderr
    (names,) = champions(wheel, stage.number, number)
    assert names != ended["version"]

    gone = wheel.run("disconnect", "--project", str(stage.number))
    assert gone.returncode == 0, gone.stderr
    asked = wheel.call("POST", f"/api/v1/projects/{number}/questions/subject/train")
    ended = stage.ended(int(asked.json()["id"]))
    assert (ended["state"], ended["label_count"]) == ("promoted", OURS + THEIRS), ended["reason"]
    assert champions(wheel, number) == {ended["version"]}


def _group(wheel: LabelwheelServer, text: str) -> str:
    found = truth.rows(wheel, "SELECT group_key, fields FROM examples ORDER BY id")
    return str(next(row["group_key"] for row in found if text in json.loads(row["fields"]).values()))

"""Which words carried a suggestion, in the real tools: people see it, and it never becomes a label."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import expect

from testkit import browser, truth
from testkit.argilla import ArgillaServer
from testkit.argilla_stage import Stage
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer
from testkit.server import PATIENCE

pytestmark = [pytest.mark.server, pytest.mark.slow]

CONFIG = (
    '<View><Labels name="labelwheel_words" toName="text"><Label value="why"/></Labels>'
    '<Text name="text" value="$text"/><Choices name="topic" toName="text"><Choice value="Refund"/>'
    '<Choice value="Delivery"/></Choices></View>'
)
TEXTS = [
    "I want my money back, please refund the order.",
    "The delivery did not arrive, where is my parcel?",
    "Please refund what I have paid twice.",
    "The parcel was delivered to my neighbour.",
]
NAME = "labelwheel_words"


class World(NamedTuple):
    studio: LabelStudioServer
    wheel: LabelwheelServer
    project: int

    def explained(self) -> dict[int, Mapping[str, Any]] | None:
        """The suggestion of each task, once all of them have marks."""
        asked = {"project": self.project, "fields": "all"}
        tasks = self.studio.api("GET", "/api/tasks", params=asked)["tasks"]
        found = {task["id"]: one for task in tasks for one in task["predictions"] if _marks(one["result"])}
        return found if len(found) == len(TEXTS) else None


@pytest.fixture
def world(studio: LabelStudioServer, quick: dict[str, str]) -> Iterator[World]:
    environment = {name: value for name, value in quick.items() if name != "LABELWHEEL_BASE_MODEL"}
    with LabelwheelServer(environment={**environment, "LABELWHEEL_EXPLAIN": "true"}) as wheel:
        project = studio.create_project(CONFIG, [{"text": text} for text in TEXTS])
        wheel.connect("label-studio", studio.url, studio.pat, project=project)
        yield World(studio, wheel, project)


def test_marks_in_label_studio_are_seen_and_are_no_label(world: World) -> None:
    assert [question["name"] for question in world.wheel.status()["projects"][0]["questions"]] == ["topic"]
    found = world.wheel.until(world.explained, PATIENCE, "marked words")
    with browser.opened(world.studio) as person:
        person.log_in()
        task = person.label(world.project)
        marks = [mark["value"] for mark in _marks(found[task]["result"])]
        expect(person.spans()).to_have_count(len(marks))
        text = person.text()
        assert sorted(person.spans().all_inner_texts()) == sorted(text[one["start"] : one["end"]] for one in marks)
        assert len(person.chosen()) == 1
        person.take_away(0)
        expect(person.spans()).to_have_count(len(marks))  # they are locked
        person.picture("marked-words")
        person.submit()
    world.wheel.until(lambda: truth.rows(world.wheel, "SELECT * FROM labels"), PATIENCE, "the label")
    [label] = truth.rows(world.wheel, "SELECT * FROM labels")
    [chosen] = [one for one in found[task]["result"] if one["from_name"] == "topic"]
    assert (label["question"], json.loads(label["answer"])) == ("topic", chosen["value"]["choices"][0])
    assert (label["origin"], label["version"]) == ("accepted", found[task]["model_version"])
    [annotation] = world.studio.annotations(task)
    assert len(_marks(annotation["result"])) == len(marks), "Label Studio copies them, and nobody reads them"


def _marks(result: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for one in result if one["from_name"] == NAME]


def test_a_line_in_argilla_is_no_label(argilla: ArgillaServer, quick: dict[str, str]) -> None:
    environment = {name: value for name, value in quick.items() if name != "LABELWHEEL_BASE_MODEL"}
    with LabelwheelServer(environment={**environment, "LABELWHEEL_EXPLAIN": "true"}) as wheel:
        stage = Stage(argilla, wheel, "explained", 12)
        stage.backfilled()

        def lines() -> dict[str, str]:
            return {row["id"]: row["metadata"][NAME] for row in stage.records() if NAME in row["metadata"]}

        wheel.until(lambda: len(lines()) >= 10, PATIENCE, "lines in the metadata")
        shown, first = stage.suggested("topic"), next(iter(lines()))
        assert lines()[first].startswith(f"topic {shown[first]['value']}: “")
        argilla.submit(first, {"topic": shown[first]["value"], "mentions": []})
        wheel.until(lambda: truth.rows(wheel, "SELECT * FROM labels"), PATIENCE, "the labels")
        labels = truth.rows(wheel, "SELECT question, answer FROM labels ORDER BY question")
        assert [(row["question"], json.loads(row["answer"])) for row in labels] == [
            ("mentions", []),
            ("topic", shown[first]["value"]),
        ]
        assert wheel.run("disconnect", "--project", "explained").returncode == 0
        assert not lines()

"""What a person sees in the real Label Studio: a suggestion before the first label, and a better one after a round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import expect

from demo.messages import LABEL_CONFIG, Gold, rows
from testkit import browser
from testkit.annotator import Annotator
from testkit.browser import Person
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer

# a round on a busy machine takes its time
pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(1200)]

MESSAGES = 36
LABELS = 16
EAGER = {
    "LABELWHEEL_FIRST_ROUND": "14",
    "LABELWHEEL_GROWTH": "1",  # no second round, which would change what is on the screen
    "LABELWHEEL_QUIET_SECONDS": "0.5",
    "LABELWHEEL_BLIND": "0",
    "LABELWHEEL_POLL_SECONDS": "1",
}
SECONDS = 300  # a generous limit for a round, on a busy machine too


class World(NamedTuple):
    """A Label Studio, a labelwheel, and a project of the one that is connected to the other."""

    studio: LabelStudioServer
    wheel: LabelwheelServer
    project: int

    def status(self) -> dict[str, Any]:
        (project,) = self.wheel.status()["projects"]
        return dict(project)

    def suggestion(self, task: int, version: str) -> dict[str, Any]:
        """What Label Studio keeps for a task of a version."""
        found = [each for each in self.studio.task(task)["predictions"] if each["model_version"] == version]
        assert len(found) == 1, f"task {task} has {len(found)} suggestions of {version}\n{self.wheel.tail()}"
        return dict(found[0])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """Short messages with spans of the commonest kinds, so that few labels are enough to learn something."""
    browser.executable()  # before anything is started
    chosen = [row for row in rows() if {"Amount", "Date"} & {span["label"] for span in row["spans"]}]
    messages = sorted(chosen, key=lambda row: len(row["text"]))[:MESSAGES]
    with LabelStudioServer() as studio, LabelwheelServer(environment=EAGER) as wheel:
        project = studio.create_project(LABEL_CONFIG, [{"id": row["id"], "text": row["text"]} for row in messages])
        wheel.connect("label-studio", studio.url, studio.pat, project=project)
        yield World(studio, wheel, project)


def test_a_person_sees_a_suggestion_submits_it_and_sees_what_was_learnt(world: World) -> None:
    first = world.status()["version"]["current"]
    with browser.opened(world.studio) as person:
        person.log_in()
        accepted = see_the_first_suggestion_and_submit_it(world, person, first)
        world.wheel.until(lambda: accepted_topics(world, first) == 1, 60, "the accepted suggestion in the ledger")

        annotator = Annotator(world.studio.api, world.project, Gold())
        assert all(annotator.turn() for _ in range(LABELS))
        newer = world.wheel.until(lambda: learnt(world), SECONDS, "suggestions for spans")
        assert newer != first

        see_another_version_and_submit_it(world, person, newer, labelled={accepted, *labelled(annotator)})
        assert not person.refused, "Label Studio asked for addresses that are not on this machine"


def see_the_first_suggestion_and_submit_it(world: World, person: Person, version: str) -> int:
    """Before the first label: the topic is chosen already, and no span is guessed."""
    task = person.label(world.project)
    suggestion = world.suggestion(task, version)
    (topic,) = suggestion["result"]
    expect(person.choice(topic["value"]["choices"][0])).to_be_checked()
    person.picture("first-suggestion")
    assert person.chosen() == topic["value"]["choices"]
    expect(person.spans()).to_have_count(0)

    saved = person.submit()
    (annotation,) = world.studio.annotations(task)
    assert annotation["id"] == saved["id"]
    assert annotation["parent_prediction"] == suggestion["id"]
    (region,) = annotation["result"]
    assert (region["from_name"], region["value"], region["origin"]) == ("topic", topic["value"], "prediction")
    return task


def see_another_version_and_submit_it(world: World, person: Person, version: str, labelled: set[int]) -> None:
    """After a promotion: the spans that the newer version found are highlighted, and both questions are filled in."""
    open_tasks = [task for task in world.studio.task_ids(world.project) if task not in labelled]
    found = {task: world.suggestion(task, version) for task in open_tasks}
    task = max(found, key=lambda each: len(found[each]["result"]))
    spans = [region["value"] for region in found[task]["result"] if region["from_name"] == "mentions"]
    (topic,) = (region["value"]["choices"] for region in found[task]["result"] if region["from_name"] == "topic")
    assert spans, f"{version} finds no span in any of {len(found)} messages"

    assert person.open_task(world.project, task) == task
    expect(person.choice(topic[0])).to_be_checked()
    expect(person.spans()).to_have_count(len(spans))
    expect(person.prediction_tab(version)).to_be_visible()
    person.picture("another-version")
    text = person.text()
    assert sorted(person.spans().all_inner_texts()) == sorted(text[span["start"] : span["end"]] for span in spans)

    person.submit()
    (annotation,) = world.studio.annotations(task)
    assert annotation["parent_prediction"] == found[task]["id"]
    assert {region["origin"] for region in annotation["result"]} == {"prediction"}
    assert [region["value"] for region in annotation["result"] if region["from_name"] == "topic"] == [
        {"choices": topic}
    ]
    assert len(annotation["result"]) == len(found[task]["result"])
    # and so does the next one that the stream shows, which the person did not choose
    assert person.label(world.project) not in {*labelled, task}
    expect(person.page.locator(".lsf-choice input:checked")).to_have_count(1)
    person.picture("the-next-one")


def labelled(annotator: Annotator) -> list[int]:
    return [turn.task for turn in annotator.turns]


def accepted_topics(world: World, version: str) -> int:
    (topic,) = (each for each in world.status()["questions"] if each["name"] == "topic")
    return sum(each["accepted"] for each in topic["acceptance"] if each["version"] == version)


def learnt(world: World) -> str | None:
    """The version that suggests spans, once it has reached every task and no round is left to change it."""
    status = world.status()
    version, refreshed = status["version"], status["backfill"]
    spans = next(each["champion"] for each in status["questions"] if each["name"] == "mentions")
    at_rest = not any(each["round"] for each in status["questions"])
    there = refreshed and refreshed["version"] == version["current"] and refreshed["state"] == "done"
    return version["current"] if spans and at_rest and there and version["announced"] == version["current"] else None

"""Label Studio shows which tasks come next: a tab of the Data Manager, and what a person goes through from there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from labelwheel.plugins.label_studio import least_sure
from labelwheel.plugins.label_studio.ranks import NEXT, TITLE
from testkit import browser
from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(900)]

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="topic" toName="text"><Choice value="Billing"/>'
    '<Choice value="Delivery"/></Choices></View>'
)
TASKS = NEXT + 20
IN_ALL = TASKS + 1  # with one that has no text
SETTINGS = {"LABELWHEEL_FIRST_ROUND": "5000", "LABELWHEEL_POLL_SECONDS": "1", "LABELWHEEL_BLIND": "0"}


class World(NamedTuple):
    studio: LabelStudioServer
    wheel: LabelwheelServer
    project: int

    def tabs(self) -> list[dict[str, Any]]:
        return list(self.studio.api("GET", "/api/dm/views/", params={"project": self.project}))

    def shown(self, title: str = TITLE) -> list[dict[str, Any]]:
        """The tasks in a tab of ours, in its order."""
        (tab,) = (each["id"] for each in self.tabs() if each["data"]["title"] == title)
        found = self.studio.api(
            "GET", "/api/tasks", params={"project": self.project, "view": tab, "fields": "all", "page_size": 200}
        )
        return list(found["tasks"])


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    browser.executable()  # before anything is started
    texts = [f"message {number}: the parcel or the invoice number {number**3} is wrong" for number in range(TASKS)]
    with LabelStudioServer() as studio, LabelwheelServer(environment=SETTINGS) as wheel:
        project = studio.create_project(CONFIG, [{"text": text} for text in ["", *texts]])
        wheel.connect("label-studio", studio.url, studio.pat, project=project)
        yield World(studio, wheel, project)


def test_the_tab_has_what_comes_next_and_a_person_goes_through_it(world: World) -> None:
    shown = world.wheel.until(lambda: len(world.shown()) == NEXT and world.shown(), 180, "forty tasks in the tab")
    scores = [task["predictions_score"] for task in shown]
    assert scores == sorted(scores)
    assert all(0 <= score <= 1 for score in scores), "a score is a probability"
    assert [tab["data"]["title"] for tab in world.tabs()] == ["Default", TITLE, least_sure.TITLE]
    everything = world.shown(least_sure.TITLE)
    assert [len(everything), everything[0]["id"]] == [TASKS, shown[0]["id"]], "what has no text has no suggestion"

    with browser.opened(world.studio) as person:
        person.log_in()
        person.page.goto(f"{world.studio.url}/projects/{world.project}/data")
        person.page.get_by_text(TITLE).first.click()
        person.page.get_by_text(f"Tasks: {NEXT} / {IN_ALL}").wait_for()
        person.picture("order")
        person.page.get_by_text(least_sure.TITLE).first.click()
        person.page.get_by_text(f"Tasks: {TASKS} / {IN_ALL}").wait_for()
        person.picture("least-sure")
        person.page.get_by_text(TITLE).first.click()
        person.page.get_by_text(f"Tasks: {NEXT} / {IN_ALL}").wait_for()
        person.page.locator("button:has-text('Label All Tasks') + button").first.click()
        person.page.get_by_text("Label Tasks As Displayed").first.click()
        person.choice("Billing").wait_for()
        assert person.task() == shown[0]["id"]
        person.submit()
    world.wheel.until(lambda: shown[0]["id"] not in [task["id"] for task in world.shown()], 60, "it leaves the tab")

    world.wheel.run("disconnect")
    assert [tab["data"]["title"] for tab in world.tabs()] == ["Default"]

"""The blind share in the real Label Studio: tasks that come without a suggestion, and labels that are no echo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from testkit.label_studio import LabelStudioServer
from testkit.labelwheel import LabelwheelServer

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="topic" toName="text"><Choice value="Billing"/>'
    '<Choice value="Delivery"/></Choices></View>'
)
COUNT = 60


class World(NamedTuple):
    studio: LabelStudioServer
    wheel: LabelwheelServer
    project: int

    def shown(self) -> dict[int, list[Mapping[str, Any]]]:
        """The predictions of each task."""
        asked = {"project": self.project, "fields": "all", "page_size": 200}
        found = self.studio.api("GET", "/api/tasks", params=asked)["tasks"]
        return {task["id"]: task["predictions"] for task in found}

    def filled(self) -> Mapping[str, Any] | None:
        """The project as status has it, once its tasks have suggestions."""
        state = self.state
        return state if state["backfill"] and state["backfill"]["state"] == "done" else None

    @property
    def state(self) -> Mapping[str, Any]:
        return self.wheel.status()["projects"][0]


@pytest.fixture
def world(studio: LabelStudioServer, quick: dict[str, str]) -> Iterator[World]:
    words = [f"{chr(97 + n % 26) * 7} {chr(97 + n // 26) * 7} {chr(122 - n % 26) * 7}" for n in range(COUNT)]
    with LabelwheelServer(environment={**quick, "LABELWHEEL_BLIND": "0.2"}) as wheel:
        project = studio.create_project(CONFIG, [{"text": text} for text in words])
        wheel.connect("label-studio", studio.url, studio.pat, project=project)
        yield World(studio, wheel, project)


def test_some_tasks_come_without_a_suggestion_and_the_ledger_knows(world: World) -> None:
    done = world.wheel.until(world.filled, 180, "suggestions")
    shown = world.shown()
    bare = [task for task, predictions in shown.items() if not predictions]
    assert 0 < len(bare) == done["examples"]["blind"] < COUNT / 2
    assert (done["backfill"]["done"], done["blind"]) == (COUNT - len(bare), 0.2)

    # opened by a person, Label Studio asks for a suggestion, again and again, and has none to keep
    for task in bare:
        opened = world.studio.api("GET", f"/api/tasks/{task}", params={"project": world.project})
        assert opened["predictions"] == []
    suggested = next(task for task in shown if task not in bare)
    for task in (bare[0], suggested):
        begun = {} if task in bare else {"parent_prediction": world.shown()[task][0]["id"]}
        result = [{"from_name": "topic", "to_name": "text", "type": "choices", "value": {"choices": ["Billing"]}}]
        world.studio.api("POST", f"/api/tasks/{task}/annotations/", json={"result": result, **begun})
    world.wheel.until(lambda: world.state["questions"][0]["labels"]["total"] == 2, 60, "two labels")
    labels = world.state["questions"][0]["labels"]
    assert (labels["blind"], labels["held_out"] >= 1) == (1, True)
    assert [task for task, predictions in world.shown().items() if not predictions] == bare

"""Where nothing happens, next to nothing is read: a worker with some hundred projects has little else to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.revisions.fast_lane import FastLane
from labelwheel.backend.revisions.seen_examples import SeenExamples
from labelwheel.backend.worker.inspection_loop import InspectionLoop
from labelwheel.plugins.testing.fake_tool import PLACES, TOPIC
from tests.backend.counting import counted
from tests.backend.revisions.test_fast_lane import Source
from tests.backend.world import World


@pytest.fixture
def idle(world: World) -> World:
    """A project with labels, champions of three questions, and suggestions for what is left."""
    world.settings = world.settings.model_copy(update={"first_round": 1000})
    world.start()
    world.tool.page_size = 50
    world.tool.questions = (TOPIC, TOPIC.model_copy(update={"name": "theme"}), PLACES)
    world.connect()
    world.label(20)
    world.settle()
    world.settings = world.settings.model_copy(update={"poll_seconds": 3600.0})
    world.start()
    world.turns(30)
    return world


def least(step: Callable[[], object]) -> list[str]:
    """What a step executes that has nothing else to do: now and then a tool is told again what is served."""
    found = []
    for _ in range(4):
        with counted() as each:
            step()
        found.append(each.statements)
    return min(found, key=len)


def test_a_step_of_the_loop_asks_what_has_changed_and_nothing_else(
    idle: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelwheel.backend.worker.intake_loop._CONFIG_SECONDS", 3600.0)
    assert len(least(idle.loops[1].step)) == 2
    monkeypatch.setattr("labelwheel.backend.worker.project_loop._JUDGE_SECONDS", 3600.0)
    idle.loops[1].step()
    (statement,) = least(idle.loops[1].step)
    assert statement.startswith("SELECT projects.id")


def test_what_another_process_has_done_is_seen_in_the_next_step(idle: World) -> None:
    idle.launcher.automatic = None
    idle.order(trigger="labels")
    idle.runner.step()
    assert idle.rounds[-1].state == "running"
    with idle.database.transaction() as tx:
        row = tx.scalars(select(QuestionRow).where(QuestionRow.name == "places")).one()
        row.active = False
    calls = len(idle.tool.calls)
    idle.tool.add("a text that is new")
    idle.settings = idle.settings.model_copy(update={"poll_seconds": 1e-6})
    idle.loops[1]._settings = idle.loops[1]._intake._settings = idle.settings
    idle.loops[1].step()
    idle.loops[1].step()
    assert {"poll", "waiting", "push"} <= set(idle.tool.calls[calls:]), "the suggestion follows in the step after"


def test_the_fast_lane_asks_once(idle: World) -> None:
    lane = FastLane(idle.hold, 1, Source(idle))
    for _ in range(10):
        lane.step()
    assert len(least(lane.step)) == 1
    lane.close()


def test_the_fast_lane_looks_at_no_text_where_no_label_has_come(idle: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    real = SeenExamples.lacking

    def lacking(seen: Any, examples: Any) -> Any:
        looked.append(seen)
        return real(seen, examples)

    monkeypatch.setattr(SeenExamples, "lacking", lacking)
    lane = FastLane(idle.hold, 1, Source(idle))
    deadline, quiet = time.monotonic() + 60, False
    lane.step()
    while not quiet:  # heads are measured in another thread
        assert time.monotonic() < deadline
        count = len(looked)
        quiet = lane.step() > 0 and len(looked) == count
        time.sleep(0.02)
    looked.clear()
    idle.label(1)
    idle.loops[1]._intake._settings = idle.settings.model_copy(update={"poll_seconds": 1e-6})
    idle.loops[1].step()
    lane.step()
    assert looked
    lane.close()


def test_without_rounds_the_runner_asks_once(idle: World) -> None:
    assert len(least(idle.runner.step)) == 1


def test_inspections_ask_the_same_however_many_questions_there_are(idle: World, tmp_path: Path) -> None:
    loop = InspectionLoop(idle.hold, idle.settings, ("false",))
    loop.step()
    few = len(least(loop.step))
    idle.tool.questions = (*idle.tool.questions, *(TOPIC.model_copy(update={"name": f"q{n}"}) for n in range(4)))
    idle.settings = idle.settings.model_copy(update={"poll_seconds": 1e-6})
    idle.start()
    idle.turns(30)
    loop = InspectionLoop(idle.hold, idle.settings, ("false",))
    loop.step()
    assert len(least(loop.step)) == few

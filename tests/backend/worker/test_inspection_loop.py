"""Champions are looked at when no round runs, by a process that may be ended at any time."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import InspectionPart, InspectionRow, QuestionRow
from labelwheel.backend.rounds import inspections
from labelwheel.backend.views import findings, inspected
from labelwheel.backend.views.status import status
from labelwheel.backend.worker.inspection_loop import IDLE_SECONDS, SPEC, InspectionLoop
from tests.backend.world import World

PROGRAM = """
import json, pathlib, sys, time
spec = json.loads(pathlib.Path(sys.argv[1]).read_text())
mode = pathlib.Path(MODE).read_text()
out = pathlib.Path(spec["output"])
out.mkdir(exist_ok=True)
rows = len(pathlib.Path(spec["data"]).read_text().splitlines())
if not (out / "second.json").exists():
    (out / "second.json").write_text(json.dumps({"place": 1, "found": {"rows": rows}, "text": "## Second"}))
if mode == "hang":
    time.sleep(600)
if mode == "crash":
    sys.exit("the disk is made of cheese")
(out / "first.json").write_text(json.dumps({"place": 0, "found": {"mode": mode}, "text": "## First"}))
(out / "third.json").write_text(json.dumps({"place": 2, "problem": "no idea"}))
"""


# its statements are plain, and migrations run on both
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Stage:
    """A connected project with a champion that has learnt from 40 labels."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.mode = world, folder / "mode"
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM.replace("MODE", repr(str(self.mode))))
        self.mode.write_text("done")
        world.connect()
        world.settle()
        world.label(40)
        world.settle()
        self.loop = self.start()

    def start(self) -> InspectionLoop:
        return InspectionLoop(self.world.hold, self.world.settings, (sys.executable, str(self.program)))

    def until(self, state: str, seconds: float = 60) -> InspectionRow:
        deadline = time.monotonic() + seconds
        while self.row.state != state or self.loop._running is not None:
            assert time.monotonic() < deadline, self.row.__dict__
            self.loop.step()
            time.sleep(0.02)
        return self.row

    def begin(self) -> None:
        """Until a process has left its first part, and the row has it."""
        deadline = time.monotonic() + 60
        while not self.rows or "second" not in self.parts:
            assert time.monotonic() < deadline
            self.loop.step()
            time.sleep(0.02)

    @property
    def rows(self) -> list[InspectionRow]:
        with self.world.database.session() as session:
            return list(session.scalars(select(InspectionRow).order_by(InspectionRow.id)))

    @property
    def row(self) -> InspectionRow:
        return self.rows[-1]

    @property
    def parts(self) -> dict[str, InspectionPart]:
        with self.world.database.session() as session:
            query = select(InspectionPart).where(InspectionPart.inspection_id == self.row.id)
            return {part.name: part for part in session.scalars(query)}

    @property
    def place(self) -> Path:
        return self.world.settings.home / "inspections" / str(self.row.question_id)


@pytest.fixture
def stage(world: World, tmp_path: Path) -> Stage:
    return Stage(world, tmp_path)


def test_a_champion_is_inspected_once_and_again_when_labels_have_grown(stage: Stage) -> None:
    stage.begin()
    row = stage.until("done")
    assert (row.version, row.label_count, row.problem) == (stage.world.checkpoints[-1].version, 40, None)
    assert not stage.place.exists(), "the texts of the project stay nowhere"
    assert stage.loop.step() == IDLE_SECONDS
    assert stage.loop._running is None
    stage.world.launcher.automatic = None  # rounds may be ordered, and never end
    stage.world.label(30)
    stage.world.turns(20)
    for found in stage.world.rounds:
        if found.state in ("queued", "running"):
            stage.world.launcher.automatic = 0.9
    stage.world.settle()
    stage.loop.step()
    row = stage.until("done")
    assert row.label_count == 70
    assert len({row.checkpoint_id for row in stage.rows}) == len(stage.rows)


def test_what_was_found_is_told_in_the_order_of_the_sections(stage: Stage) -> None:
    stage.begin()
    row = stage.until("done")
    with stage.world.database.session() as session:
        found = inspected.of_version(session, row.version)
        question = session.get_one(QuestionRow, row.question_id)
        assert inspected.section(session, question, "second") == {
            "version": row.version, "event": row.last_event_id, "found": {"rows": 40},
        }  # fmt: skip
        assert inspected.section(session, question, "third") is None
        assert inspected.of_version(session, "nobody") is None
        assert inspected.markdown(session, "nobody") == ""
        assert inspected.markdown(session, row.version) == "## First\n\n## Second"
        [project] = status(session, stage.world.settings)["projects"]
    assert found is not None
    assert list(found["sections"]) == ["first", "second", "third"]
    assert found["sections"]["first"] == {"found": {"mode": "done"}, "seconds": 0.0}
    told = {each["name"]: each["inspection"] for each in project["questions"]}
    assert told["topic"] == {
        "version": row.version, "state": "done", "problem": None, "label_count": 40, "done": ["first", "second"],
        "problems": {"third": "no idea"}, "figures": findings.figures({}),
    }  # fmt: skip
    assert told["places"] is None


def test_a_round_ends_it_and_it_goes_on_afterwards(stage: Stage) -> None:
    stage.mode.write_text("hang")
    stage.begin()
    process = stage.loop._running.process
    if sys.platform == "linux":
        assert Path(f"/proc/{process.pid}/oom_score_adj").read_text().strip() == "1000", "it goes before what is served"
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    stage.world.launcher.automatic = None
    stage.world.order(trigger="labels")
    stage.loop.step()
    assert process.poll() is not None
    assert stage.row.state == "running"
    assert stage.row.attempts == 0, "it is no fault of its own"
    stage.loop.step()
    assert stage.loop._running is None
    assert (stage.place / SPEC).exists()
    stage.world.launcher.automatic = 0.9  # the champion stays
    stage.world.settle()
    (stage.place / "found" / "second.json").write_text(json.dumps({"place": 1, "found": {"kept": True}}))
    stage.mode.write_text("done")
    stage.loop.step()
    stage.until("done")
    assert stage.parts["second"].found == {"kept": True}


def test_another_champion_is_looked_at_instead(stage: Stage) -> None:
    stage.mode.write_text("hang")
    stage.begin()
    stage.world.order(trigger="labels")
    stage.loop.step()
    stage.world.settle()
    assert stage.world.checkpoints[-1].version != stage.row.version
    stage.mode.write_text("done")
    stage.loop.step()
    stage.until("done")
    old, new = stage.rows
    assert (old.state, new.version) == ("failed", stage.world.checkpoints[-1].version)


def test_a_killed_worker_is_followed_by_one_that_goes_on(stage: Stage) -> None:
    stage.mode.write_text("hang")
    stage.begin()
    stage.loop.stop()  # as the process ends with its parent
    stage.mode.write_text("done")
    stage.world.start()
    stage.loop = stage.start()
    stage.loop.step()
    stage.until("done")
    assert stage.parts["first"].found == {"mode": "done"}
    assert len(stage.rows) == 1


def test_a_process_that_ends_too_early_is_started_again_and_then_no_more(stage: Stage) -> None:
    stage.mode.write_text("crash")
    stage.begin()
    row = stage.until("failed")
    assert row.attempts == inspections.ATTEMPTS
    assert row.problem == "the disk is made of cheese"
    assert set(stage.parts) == {"second"}, "what was found until then is kept"
    assert stage.loop.step() == IDLE_SECONDS
    assert stage.loop._running is None


def test_a_checkpoint_that_is_gone_fails_its_inspection_alone(stage: Stage) -> None:
    stage.world.settings.checkpoints.remove(stage.world.checkpoints[-1].folder)
    stage.loop.step()
    row = stage.until("failed")
    assert row.problem
    assert stage.loop.step() == IDLE_SECONDS


def test_few_labels_are_not_looked_at(world: World, tmp_path: Path) -> None:
    world.connect()
    world.settle()
    world.label(inspections.LEAST - 1)
    world.settle()
    loop = InspectionLoop(world.hold, world.settings, (sys.executable, "-c", "pass"))
    assert loop.step() == IDLE_SECONDS
    with world.database.session() as session:
        assert session.scalars(select(InspectionRow)).all() == []

"""An exception at every place where the worker could raise one, in turn; the ledger equals the truth each time."""

from __future__ import annotations

import shutil
from collections import Counter
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import ExampleRow, Label, Project, ProjectState
from labelwheel.backend.ledger import hints, sweeps
from labelwheel.backend.projects import connectors
from labelwheel.backend.settings import Settings, load
from labelwheel.backend.worker import intake_loop
from labelwheel.backend.worker.intake_loop import IntakeLoop
from labelwheel.backend.worker.project_loop import ProjectLoop
from labelwheel.plugins.testing.people import People
from tests.backend.faults import ERRORS, Faults, FaultyConnector
from tests.backend.world import World
from tests.plugins.argilla.stand_in import RecordPeople, Records
from tests.plugins.label_studio.stand_in import Studio

APART = 5
SHAPES = {"label-studio": (People, Studio), "argilla": (RecordPeople, Records)}


class Life:
    """One project's intake, from an empty ledger through sixty labels, with faults on the way."""

    def __init__(self, shape: str, path: Path, settings: Settings, faults: Faults) -> None:
        people, connector = SHAPES[shape]
        self.people, self.faults = people(), faults
        self.people.called = faults.at
        self.connector: Any = connector(self.people)
        self.database = Database(f"sqlite:///{path}")
        with self.database.transaction() as tx:
            project = Project(tool=shape, url="http://tool.test", external_id="1", api_key="k", service_url="http://us")
            project.state, project.reference = ProjectState.CONNECTED, "1"
            tx.add(project)
        self.shape, self.steps = shape, 0
        self.hold = Hold(self.database)
        assert self.hold.acquire()
        self.intake_loop = IntakeLoop(self.hold, settings, 1)

    def run(self) -> None:
        """Two days of people's work; after each the ledger is as the tool is."""
        people = self.people
        examples = [people.add(f"text {number} about {number**5}") for number in range(20)]
        works = [people.answer(each, "sport" if each % 3 else "politics") for each in examples]
        works += [people.answer(each, "politics") for each in examples[:16]]
        self.catch_up()
        for work in works[3:6]:
            people.withdraw(work)
        people.answer(people.work[works[8]][0], "politics", works[8])
        people.remove(examples[10])
        people.remove(examples[1])
        examples += [people.add(f"a late text {number}") for number in range(6)]
        works += [people.answer(each, "sport") for each in examples[-8:] for _ in range(3)]
        self.catch_up()
        assert len(works) == 60
        self.database.dispose()

    def catch_up(self) -> None:
        """Polls and sweeps as the worker does, until there is nothing left; whatever is raised, it goes on."""
        with self.database.transaction() as tx:
            tx.get_one(Project, 1).want_sweep()
        with self.faults.of(self.database):
            quiet = 0
            for _ in range(200):
                quiet = quiet + 1 if self._step() else 0
                if quiet == 2:
                    break
        with self.database.session() as session:
            labels = {row.work_key: row.answer for row in session.scalars(select(Label))}
            there = set(session.scalars(select(ExampleRow.key).where(ExampleRow.gone.is_(False))))
            project = session.get_one(Project, 1)
        assert not sweeps.due(project, 0, 60)
        assert (labels, there) == (self.people.truth, self.people.examples), self.faults.raised

    def _step(self) -> bool:
        """True where nothing was left to do. Now and then a hint comes, of what is there, was deleted, or never was."""
        self.steps += 1
        try:
            if self.steps % 3 == 0:
                keys = {self.people.name(number) for number in (2, 11, 17, 20 + self.steps % 12)}
                with self.database.transaction() as tx:
                    hints.hint(tx, self.shape, "1", frozenset(keys))
            with self.database.session() as session:
                project = session.get_one(Project, 1)
            busy = self.intake_loop.step(self.connector, project)
        except Exception:
            return False
        return not busy and not sweeps.due(project, 0, 60)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a history of sixty labels has a beginning, a middle and an end."""
    monkeypatch.setattr("labelwheel.plugins.label_studio.polling.PAGE", 9)
    monkeypatch.setattr("labelwheel.plugins.argilla.polling.PAGE", 9)
    monkeypatch.setattr("labelwheel.plugins.argilla.polling.LISTED", 18)
    monkeypatch.setattr("labelwheel.plugins.argilla.polling.REST", 0.0)


def soaked(shape: str, template: Path, folder: Path, faults: Faults) -> None:
    folder.mkdir()
    shutil.copy(template, folder / "test.db")
    life = Life(shape, folder / "test.db", load(home=folder, poll_seconds=1e-6), faults)
    real = intake_loop.intake.take

    def take(*given: Any) -> Any:
        faults.at("take")
        taken = real(*given)
        faults.at("taken")
        return taken

    intake_loop.intake.take = take
    try:
        life.run()
    finally:
        intake_loop.intake.take = real


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_no_place_of_the_intake_costs_a_label(
    small_pages: None, sqlite_template: Path, tmp_path: Path, shape: str
) -> None:
    """Until each place had its turn, several in a run: a fault comes some places after the last one, and no more than
    three of them before another page was taken, so that all ends."""
    places = Faults()
    soaked(shape, sqlite_template, tmp_path / "undisturbed", places)
    assert places.count > 500
    left, runs = set(range(1, places.count + 1)), 0
    while left:
        before, since, last = len(left), 0, -APART

        def fault(place: str, number: int) -> Exception | None:
            nonlocal since, last
            since = 0 if place == "taken" else since
            if since == 3 or number < last + APART or number not in left:
                return None
            left.remove(number)
            since, last = since + 1, number
            return ERRORS[number % len(ERRORS)]()

        runs += 1
        soaked(shape, sqlite_template, tmp_path / str(runs), Faults(fault))
        assert len(left) < before


class Worn(World):
    """A whole worker over a database of its own, whose steps may raise: the next turn comes, as in the main loop."""

    worker: Database

    @property
    def learnt(self) -> int:
        """The labels that the newest champion knows."""
        return self.checkpoints[-1].label_count

    def start(self) -> None:
        self.worker = Database(self.settings.database_url)
        super().start()
        self.hold.database = self.runner._database = self.worker

    def turn(self) -> None:
        for step in (self.runner.step, self._attend):
            try:
                step()
            except Exception:
                continue
        self.web.follow()
        if self.project.state == "failed":
            self.connect()  # as a person does, who reads why

    def _attend(self) -> None:
        loop = self.loops.get(1)
        if loop is None or not loop.wanted:
            loop = self.loops[1] = ProjectLoop(self.hold, self.settings, 1, self.web)
        loop.step()


@pytest.mark.parametrize("time", [1, 3])
def test_no_place_of_the_worker_costs_more_than_another_try(
    sqlite_template: Path, tmp_path: Path, fake_tools: None, impatient: None, monkeypatch: pytest.MonkeyPatch, time: int
) -> None:
    """Each statement, call and page raises when it comes for the nth time: connecting, learning, showing and all."""
    seen: Counter[str] = Counter()

    def fault(place: str, number: int) -> Exception | None:
        seen[place] += 1
        return ERRORS[(number + time) % len(ERRORS)]() if seen[place] == time else None

    faults = Faults(fault)
    monkeypatch.setattr("labelwheel.backend.rounds.policy._BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr("labelwheel.training.sufficiency.DECIDING_GROUPS", 1)
    monkeypatch.setattr(FaultyConnector, "faults", faults)
    entry = EntryPoint(name="fake", value="tests.backend.faults:FaultyConnector", group=connectors.GROUP)
    monkeypatch.setattr(connectors, "_installed", lambda: {"fake": entry})
    shutil.copy(sqlite_template, tmp_path / "test.db")
    values: dict[str, Any] = {"quiet_seconds": 0.0, "poll_seconds": 1e-6, "first_round": 4}
    settings = load(home=tmp_path / "home", database=f"sqlite:///{tmp_path / 'test.db'}", **values)
    keyring.make(settings)
    world = Worn(Database(settings.database_url), settings)
    keys = world.tool.add(*(f"text {number} about {number**5}" for number in range(31)))
    world.tool.page_size = 16
    with faults.of(world.worker):
        world.connect()
        world.until(lambda: world.settled)
        for some in (keys[:15], keys[15:30]):
            for number, key in enumerate(some):
                for who in ("ann", "bob"):
                    world.tool.submit(key, {"topic": "sport" if number % 2 else "politics"}, who)
            before = len(world.checkpoints)
            world.until(lambda before=before: world.settled and len(world.checkpoints) > before)  # type: ignore[misc]
        world.tool.remove(keys[3])
        with world.database.transaction() as tx:
            tx.get_one(Project, 1).want_sweep()
        world.until(lambda: world.settled)
    assert world.project.problem is None
    assert len(faults.raised) > 100
    assert {row.state for row in world.rounds} <= {"promoted", "failed", "cancelled"}

"""A launcher in one file: jobs are threads of this process, which see no disk but through the store."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import fsspec
import pytest
from sqlalchemy import select

from labelwheel.backend.database.tables import TrialRow, TuningRow
from labelwheel.backend.errors import InvalidSettings
from labelwheel.backend.processes import home_folder
from labelwheel.backend.rounds import launchers
from labelwheel.backend.settings import Settings
from labelwheel.backend.tuning import tuning_commands
from labelwheel.backend.tuning.tuner import Tuner
from labelwheel.training import exchange, job
from labelwheel.training.launchers.base import Launcher, Phase, Site, State, Task
from labelwheel.training.launchers.local import LocalLauncher
from labelwheel.training.progress import Listener
from labelwheel.training.questions import Kind, Option, Question
from tests.backend.world import World
from tests.training.models import tiny_bert

TEXTS = (
    "the team won", "parliament voted", "a goal in extra time", "the minister resigned", "our striker is injured",
    "two parties want a coalition", "she ran the marathon", "taxes will rise",
)  # fmt: skip
STORE = "memory://toy-launcher/checkpoints"


class ToyLauncher:
    """`jobs` by handle; one that is cancelled has its thread go on, and its checkpoint cleared away."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.jobs: dict[str, threading.Thread] = {}
        self.said: dict[str, str] = {}
        self.codes: dict[str, int] = {}

    def submit(self, tasks: Sequence[Task]) -> str:
        handle = f"toy-{len(self.jobs) + 1}"
        self.jobs[handle] = threading.Thread(target=self._work, args=(handle, tasks), daemon=True)
        self.jobs[handle].start()
        return handle

    def poll(self, handle: str) -> State:
        if handle in self.jobs and self.jobs[handle].is_alive() and handle not in self.codes:
            return State(phase=Phase.RUNNING)
        code = self.codes.get(handle)
        return State(phase=Phase.FAILED, code=code) if code else State(phase=Phase.SUCCEEDED)

    def cancel(self, handle: str) -> None:
        self.codes.setdefault(handle, -15)

    def withdraw(self, handle: str, name: str) -> None:
        pass

    def logs(self, handle: str, name: str) -> str:
        return self.said.get(name, "")

    def collect(self, handle: str) -> None:
        self.jobs.pop(handle)

    def end_strays(self, name: str) -> int:
        return 0

    def _work(self, handle: str, tasks: Sequence[Task]) -> None:
        for task in tasks:
            try:
                with exchange.at_hand(task.spec) as spec:
                    job.execute(spec, job.read_rows(Path(spec.data), spec.question), Listener())
            except Exception as error:
                self.said[task.name] = f"loading\n{error}"
                self.codes[handle] = 3


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "test.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    entry = EntryPoint(name="toy", value=f"{__name__}:ToyLauncher", group=launchers.GROUP)
    known = {"local": launchers._LOCAL, "toy": entry}
    monkeypatch.setattr(launchers, "_installed", lambda: known)
    values = {"launcher": "toy", "store": STORE, "base_model": str(tiny_bert(tmp_path / "base")), "artefact": False}
    return settings.model_copy(update=values)


@pytest.fixture
def toy(world: World) -> World:
    """A project whose rounds run with the launcher that is set."""
    memory = fsspec.filesystem("memory")
    if memory.exists("/toy-launcher"):
        memory.rm("/toy-launcher", recursive=True)
    home_folder.prepare(world.settings)
    world.launcher = launchers.load(world.settings)  # type: ignore[assignment]
    world.start()
    question = Question(
        name="topic", kind=Kind.CHOICE, inputs=("text",), options=(Option(value="sport"), Option(value="politics"))
    )
    world.tool.questions = (question,)
    world.tool.add(*TEXTS)
    return world


def wait(world: World, condition: object) -> None:
    deadline = time.monotonic() + 300
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, world.decisions
        world.turn()
        time.sleep(0.02)


def test_rounds_run_with_a_launcher_that_was_installed_and_are_promoted(toy: World) -> None:
    assert isinstance(toy.launcher, Launcher)
    toy.connect()
    wait(toy, lambda: toy.settled)
    (names,) = toy.rounds
    assert (names.state, names.launcher) == ("promoted", "toy")
    assert toy.settings.checkpoints.read(names.version).manifest.recipe == "names"
    assert toy.launcher.jobs == {}, "what is over was collected"

    for number, key in enumerate(toy.tool.examples):
        toy.tool.submit(key, {"topic": ("sport", "politics")[number % 2]})
    wait(toy, lambda: len(toy.rounds) == 2 and toy.rounds[-1].ended_at)
    assert toy.rounds[-1].state in ("promoted", "rejected"), "it was trained, and judged against the champion"
    assert toy.rounds[-1].champion_id == toy.checkpoints[0].id

    toy.settings = toy.settings.model_copy(update={"base_model": "/nowhere"})
    toy.start()
    toy.order(trigger="labels")
    wait(toy, lambda: len(toy.rounds) == 3 and toy.rounds[-1].ended_at)
    assert toy.rounds[-1].state == "failed"
    assert "/nowhere" in (toy.rounds[-1].reason or ""), "what the launcher's log ends with"
    assert toy.launcher.jobs == {}


def test_a_search_runs_with_it_too_and_leaves_nothing_in_the_store(toy: World) -> None:
    toy.settings = toy.settings.model_copy(update={"fine_tuning": False, "first_round": 10_000, "max_length": 32})
    toy.start()
    toy.connect()
    toy.label(80)
    wait(toy, lambda: toy.settled)
    with toy.database.transaction() as tx:
        number = tuning_commands.order(tx, toy.question().id, 600.0, trials=2).id
    tuner = Tuner(toy.hold, toy.settings, toy.launcher)

    def search() -> TuningRow:
        tuner.step()
        with toy.database.session() as session:
            return session.get_one(TuningRow, number)

    wait(toy, lambda: search().tidy)
    assert (search().state, search().launcher) == ("done", "toy"), search().reason
    with toy.database.session() as session:
        measured = session.scalars(select(TrialRow).where(TrialRow.role == "search")).all()
    assert {each.state for each in measured} <= {"complete", "pruned"}
    assert len(measured) == 3
    names = fsspec.filesystem("memory").find("/toy-launcher")
    assert not [name for name in names if "tuning-" in name], "neither figures nor texts"


def test_a_round_of_another_launcher_begins_anew(toy: World) -> None:
    toy.launcher.submit = lambda tasks: '{"pid": 1, "started": 0, "output": "/nowhere"}'  # type: ignore[method-assign]
    toy.connect()
    wait(toy, lambda: toy.rounds and toy.rounds[-1].handle)
    toy.settings = toy.settings.model_copy(update={"launcher": "local"})
    toy.launcher = LocalLauncher(str(launchers.folder(toy.settings)))  # type: ignore[assignment]
    toy.launcher.submit = lambda tasks: "not started"  # type: ignore[method-assign]
    toy.start()
    toy.runner._look(toy.rounds[-1])
    assert (toy.rounds[-1].state, toy.rounds[-1].handle) == ("queued", None)
    _, kind, reason = toy.decisions[-1]
    assert (kind, reason) == ("queued again", "its job was started by 'toy', LABELWHEEL_LAUNCHER is 'local'")


def test_a_launcher_that_nobody_installed_is_named_at_the_start(settings: Settings) -> None:
    with pytest.raises(
        InvalidSettings, match="LABELWHEEL_LAUNCHER: there is no launcher 'cloud'; installed: local, toy;"
    ):
        home_folder.prepare(settings.model_copy(update={"launcher": "cloud"}))

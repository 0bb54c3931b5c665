"""A whole labelwheel in one thread: a labelling tool, a web process and jobs that are fakes, and the real worker.

`turn` lets each do one step. `kill_at` raises `Killed` at a transaction of the worker, before or after it is committed;
`start` then brings up the next worker, with nothing but the database.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import (
    Backfill,
    CheckpointRow,
    Decision,
    ExampleRow,
    Label,
    Project,
    QuestionRow,
    Round,
)
from labelwheel.backend.errors import ServiceUnreachable
from labelwheel.backend.ledger.blind_share import are_blind
from labelwheel.backend.projects import generations, projects, servers, turns
from labelwheel.backend.rounds import round_commands
from labelwheel.backend.rounds.runner import Runner
from labelwheel.backend.settings import Settings
from labelwheel.backend.worker.project_loop import ProjectLoop
from labelwheel.plugins.testing.fake_tool import FakeConnector, Tool
from tests.backend.fake_jobs import FakeLauncher

_numbers = itertools.count(1)


class Killed(BaseException):
    """The worker is no more."""


class KillableHold(Hold):
    """Dies at its nth transaction."""

    left: int | None = None
    committed = False

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        if self.left is not None:
            self.left -= 1
        if self.left == 0 and not self.committed:
            raise Killed
        with super().transaction() as tx:
            yield tx
        if self.left == 0:
            raise Killed


class FakeWeb:
    """A web process that swaps at once, unless a checkpoint is broken."""

    def __init__(self, database: Database) -> None:
        self.database, self.up, self.broken = database, True, set[str]()
        self.serving: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def follow(self) -> None:
        if not self.up:
            return
        problems = {}
        with self.database.session() as session:
            for number, view in generations.current(session).items():
                bad = next((member.version for member in view.members.values() if member.version in self.broken), None)
                if bad is None:
                    self.serving[str(number)], self.versions[str(number)] = view.name, view.version
                else:
                    problems[str(number)] = {"generation": view.name, "checkpoint": bad, "message": "no such file"}
        with self.database.transaction() as tx:
            servers.report(tx, "web", dict(self.serving), problems, 1.0)
        turns.settle_all(self.database)

    def suggest(self, number: int, examples: list[dict[str, Any]], version: str | None = None) -> dict[str, Any]:
        if not self.up:
            raise ServiceUnreachable("nobody there")
        suggestions = [
            {"key": each["key"], "predictions": {"topic": {"answer": "sport", "score": 0.5}}} for each in examples
        ]
        served = self.serving[str(number)]
        return {"version": served if version == served else self.versions[str(number)], "suggestions": suggestions}

    def explain(self, number: int, question: str, key: str | None = None, *, idle: bool = False) -> dict[str, Any]:
        if not self.up:
            raise ServiceUnreachable("nobody there")
        return {
            "version": self.versions[str(number)],
            "prediction": {"answer": "sport", "score": 0.5},
            "words": [{"field": "text", "start": 0, "end": 4, "text": "word"}],
            "carried": [{"item": "sport", "weights": [0.5], "marked": [0], "rest": 0.0}],
        }


class World:
    """Everything, and the worker that runs now."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database, self.settings = database, settings
        self.tool, self.launcher, self.web = Tool(), FakeLauncher(), FakeWeb(database)
        self.url = f"http://world{next(_numbers)}"
        FakeConnector.tools[self.url] = self.tool
        self.start()

    def start(self) -> None:
        """A new worker, as after a kill: the lease of the last one has run out."""
        self.hold = KillableHold(self.database, seconds=-1)
        assert self.hold.acquire()
        self.runner = Runner(self.hold, self.settings, self.launcher)
        self.loops: dict[int, ProjectLoop] = {}

    def kill_at(self, count: int, committed: bool) -> None:
        self.hold.left, self.hold.committed = count, committed

    def connect(self, key: str = "key") -> int:
        with self.database.transaction() as tx:
            return projects.register(tx, self.settings, "fake", self.url, "1", key, "http://us:9090").id

    def turn(self) -> None:
        self.runner.step()
        with self.database.session() as session:
            known = [project.id for project in projects.everyone(session)]
        for number in known:
            loop = self.loops.get(number)
            if loop is None or not loop.wanted:
                loop = self.loops[number] = ProjectLoop(self.hold, self.settings, number, self.web)
            loop.step()
        self.web.follow()

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.turn()

    def until(self, condition: Callable[[], object], turns: int = 300) -> None:
        for _ in range(turns):
            if condition():
                return
            self.turn()
        raise AssertionError(f"still not after {turns} turns: {self.decisions[-8:]}, {self.project.__dict__}")

    def settle(self) -> None:
        """Until a connected project has nothing left to do."""
        self.until(lambda: self.settled)
        self.turns(3)
        self.until(lambda: self.settled)

    @property
    def settled(self) -> bool:
        with self.database.session() as session:
            project = projects.get(session, 1)
            generation = generations.of(session, project)
            done = project.state == "connected" and generation is not None and project.announced == generation.name
            filled = session.scalar(select(Backfill.state).order_by(Backfill.id.desc()).limit(1)) == "done"
            active = session.scalar(select(Round.id).where(Round.state.in_(("queued", "running", "gating"))))
            labels = {(row.work_key, row.question): row.answer for row in session.scalars(select(Label))}
        wanted = {
            (work.key, name): answer
            for work in self.tool.work.values()
            if not work.skipped
            for name, answer in work.answers.items()
        }
        shown = generation is not None and self._shown(generation.name)
        return bool(done and filled and active is None and labels == wanted and shown)

    def _shown(self, version: str) -> bool:
        labelled, blind = {work.example for work in self.tool.work.values()}, self.blind
        shown = {key: item.version for key, item in self.tool.shown.items()}
        wanted = {key: None if key in blind else version for key in self.tool.examples if key not in labelled}
        return all(shown.get(key) == version for key, version in wanted.items())

    def begin_blind(self, share: float, **settings: Any) -> None:
        """Connects sixty texts of which that share is blind, in place of the settings so far; no round starts."""
        self.settings = self.settings.model_copy(update={"blind": share, "first_round": 1000, **settings})
        self.start()
        self.tool.page_size = 100
        self.tool.add(*(f"{chr(97 + number % 26) * 9} {chr(97 + number // 26) * 9}" for number in range(60)))
        self.connect()
        self.settle()

    @property
    def blind(self) -> set[str]:
        """The keys of the examples for which nothing is shown."""
        with self.database.session() as session:
            return set(session.scalars(select(ExampleRow.key).where(*are_blind(self.settings.blind))))

    @property
    def project(self) -> Project:
        with self.database.session() as session:
            return projects.get(session, 1)

    def question(self, name: str = "topic") -> QuestionRow:
        with self.database.session() as session:
            return projects.question(session, 1, name)

    @property
    def generation(self) -> str:
        with self.database.session() as session:
            return getattr(generations.of(session, projects.get(session, 1)), "name", "")

    @property
    def decisions(self) -> list[tuple[str | None, str, str]]:
        with self.database.session() as session:
            return [
                (row.question, row.kind, row.reason) for row in session.scalars(select(Decision).order_by(Decision.id))
            ]

    def kinds(self, question: str | None = "topic") -> list[str]:
        return [kind for name, kind, _ in self.decisions if name == question]

    @property
    def rounds(self) -> list[Round]:
        with self.database.session() as session:
            return list(session.scalars(select(Round).order_by(Round.id)))

    @property
    def checkpoints(self) -> list[CheckpointRow]:
        with self.database.session() as session:
            return list(session.scalars(select(CheckpointRow).order_by(CheckpointRow.id)))

    def order(self, name: str = "topic", trigger: str = "command") -> int:
        with self.database.transaction() as tx:
            return round_commands.order(tx, self.question(name).id, trigger).id

    def label(self, count: int, answers: tuple[str, ...] = ("sport", "politics")) -> None:
        """Someone labels so many examples that nobody has labelled yet, importing more where they run out."""
        labelled = {work.example for work in self.tool.work.values()}
        free = [key for key in self.tool.examples if key not in labelled]
        while len(free) < count:
            free += self.tool.add(f"example number {len(self.tool.examples)} says {len(self.tool.examples) ** 7}")
        for number, key in enumerate(free[:count]):
            self.tool.submit(key, {"topic": answers[number % len(answers)]})

"""A home of its own for one simulation: a database with one project, a store and a runner, gone when it ends."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect, select, update

from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import Hold
from labelwheel.backend.database.tables import (
    ACTIVE,
    Base,
    CheckpointRow,
    Event,
    ExampleRow,
    Label,
    Project,
    ProjectState,
    QuestionRow,
    Round,
)
from labelwheel.backend.ledger import intake, labelling
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.replay.recording import Recording
from labelwheel.backend.replay.workers import UnheardLauncher
from labelwheel.backend.rounds import launchers, round_commands
from labelwheel.backend.rounds.runner import Runner
from labelwheel.backend.settings import Settings
from labelwheel.plugins.connector import Page
from labelwheel.training.launchers.base import Phase
from labelwheel.training.questions import Example
from labelwheel.training.spec import Recipe

PROJECT = QUESTION = 1
_LOOK_SECONDS = 0.1
_PAGE = 500


Waiting = Callable[[], object]
"""Called again and again while a job runs; may raise to end the simulation."""


class Scratch:
    """The project of one simulation, as its worker sees it. Made by `opened`."""

    def __init__(self, recording: Recording, settings: Settings, hold: Hold, waiting: Waiting) -> None:
        self.recording, self.settings, self.hold, self.database = recording, settings, hold, hold.database
        self._waiting = waiting
        self._launcher = UnheardLauncher(
            str(launchers.folder(settings)),
            threads=settings.job_threads,
            hub=launchers.needs_hub(settings),
            withheld=launchers.WITHHELD,
        )
        self._runner = Runner(hold, settings, self._launcher)
        self._arrived = 0

    def plant(self) -> None:
        """The project and its question; of a file all examples too, which draws their sides."""
        recording = self.recording
        with self.hold.transaction() as tx:
            project = Project(
                id=PROJECT, tool=recording.tool, url="http://replay.invalid", external_id=recording.external_id,
                api_key="", service_url="", reference="1", title=recording.name, state=ProjectState.CONNECTED,
            )  # fmt: skip
            tx.add(project)
            tx.flush()
            spec = recording.question.model_dump(mode="json")
            tx.add(QuestionRow(id=QUESTION, project_id=PROJECT, name=recording.question.name, spec=spec))
        if recording.placed:
            return
        self._arrived = len(recording.arrivals)
        for start in range(0, self._arrived, _PAGE):
            rows = recording.arrivals[start : start + _PAGE]
            page = Page(examples=tuple(Example(key=row.key, fields=row.fields) for row in rows), work=(), cursor="")
            with self.database.session() as session:
                prepared = intake.prepare(session, PROJECT, page)
            with self.hold.transaction() as tx:
                intake.take(tx, PROJECT, prepared, blind=self.settings.blind)

    def arrive(self, until: datetime) -> None:
        """The examples that had come by then, each where it stands today."""
        rows, fresh = self.recording.arrivals, list[ExampleRow]()
        while self._arrived < len(rows) and rows[self._arrived].added_at <= until:
            fresh.append(rows[self._arrived])
            self._arrived += 1
        if fresh:
            with self.hold.transaction() as tx:
                tx.add_all(ExampleRow(**{**_values(ExampleRow, row), "project_id": PROJECT}) for row in fresh)
                projects.get(tx, PROJECT).changes += 1

    def append(self, events: Sequence[Event]) -> None:
        """Labels come in."""
        with self.hold.transaction() as tx:
            projects.lock(tx, PROJECT)
            for event in events:
                labelling.append(tx, PROJECT, event)
            # nobody compares blind labels here, for which heads would wait
            tx.execute(update(Label).where(Label.blind, Label.unseen_version.is_(None)).values(unseen_version=""))

    def order(self, trigger: str, recipe: Recipe, version: str | None, champion: str | None) -> int:
        """Starts a round; its number. By name `version` where it has one; `champion` is what it has to challenge."""
        with self.hold.transaction() as tx:
            question = tx.get_one(QuestionRow, QUESTION)
            if champion is not None:
                row = tx.scalars(select(CheckpointRow).where(CheckpointRow.version == champion)).one_or_none()
                if row is not None and row.id != question.champion_id:  # somebody had rolled back
                    champion_groups.serve(tx, question, row.id, "as it was recorded")
            found = round_commands.order(tx, QUESTION, trigger, recipe)
            found.version = version or found.version
            number = found.id
        self._runner.step()
        return number

    def found(self, number: int) -> Round:
        """A round as it stands."""
        with self.database.session() as session:
            return session.get_one(Round, number)

    def wait(self, number: int) -> None:
        """Until a round's job has ended."""
        found = self.found(number)
        while found.handle is not None and self._launcher.poll(found.handle).phase is Phase.RUNNING:
            self._pause()

    def decide(self, number: int) -> Round:
        """Has the gate decide; a job that was killed is tried once more, as in the product."""
        while (found := self.found(number)).state in ACTIVE:
            if not self._runner.step():
                self._pause()
        return found

    def _pause(self) -> None:
        self._waiting()
        time.sleep(_LOOK_SECONDS)

    def close(self) -> None:
        """Ends a job that still runs."""
        self._runner.stop()


@contextmanager
def folder() -> Iterator[Path]:
    """A place for a simulation, gone when the block ends however it ends."""
    place = Path(tempfile.mkdtemp(prefix="labelwheel-replay-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def opened(recording: Recording, settings: Settings, waiting: Waiting = lambda: None) -> Iterator[Scratch]:
    """A scratch with its project planted; whatever runs of it ends with the block."""
    database = Database(settings.database_url)
    try:
        database.migrate()
        hold = Hold(database)
        hold.acquire()
        scratch = Scratch(recording, settings, hold, waiting)
        try:
            scratch.plant()
            yield scratch
        finally:
            scratch.close()
    finally:
        database.dispose()


def _values(table: type[Base], row: object) -> dict[str, object]:
    return {name: getattr(row, name) for name in inspect(table).column_attrs.keys()}  # noqa: SIM118

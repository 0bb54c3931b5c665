"""Looks at champions after the gate has decided: one process at a time, at the lowest priority.

It never runs beside a round or a search: either ends the process. What its sections have found is kept, and the rest is
done when they are over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy import select

from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import Round
from labelwheel.backend.processes import die_with_parent
from labelwheel.backend.rounds import data, foreign_models, inspections, launchers
from labelwheel.backend.rounds.inspections import Due
from labelwheel.backend.rounds.jobs import DATA, UNLABELLED, last_words
from labelwheel.backend.settings import Settings
from labelwheel.backend.trouble import fleeting, line
from labelwheel.backend.tuning import tuning_rows
from labelwheel.training import places
from labelwheel.training.evaluation import named_slices
from labelwheel.training.inspection.files import done
from labelwheel.training.inspection.spec import InspectionSpec
from labelwheel.training.launchers import child
from labelwheel.training.questions import Question

log = logging.getLogger(__name__)

IDLE_SECONDS, WATCH_SECONDS = 5.0, 1.0
NICENESS = 19
_GRACE = 4.0
SPEC, LOG, FOUND = "spec.json", "log", "found"
COMMAND = (sys.executable, "-m", "labelwheel.training.inspection")


class Running(NamedTuple):
    """A process, the row that it works for, and its folder."""

    process: subprocess.Popen[bytes]
    number: int
    place: Path


class InspectionLoop:
    """`command` comes before the path of the specification; tests put their own program there."""

    def __init__(self, hold: Hold, settings: Settings, command: tuple[str, ...] = COMMAND) -> None:
        self._hold, self._settings, self._command = hold, settings, command
        self._folder = settings.home.absolute() / "inspections"
        self._running: Running | None = None
        self._noted: set[str] = set()
        self._nothing_due: object = None

    def step(self) -> float:
        """Does what is due; returns how many seconds to wait before the next. Raises LeaseLost."""
        with self._hold.database.glance() as connection:
            mark = inspections.mark(connection)
        with self._hold.database.session() as session:
            # a search was asked for by somebody; an inspection was not
            waits = inspections.round_active(session) or tuning_rows.current(session) is not None
            asked = not waits and self._running is None and mark != self._nothing_due
            found = inspections.due(session) if asked else None
        if asked:
            self._nothing_due = mark if found is None else None
        if self._running is not None:
            if waits:
                self.stop()
            else:
                self._watch(self._running)
            return WATCH_SECONDS
        if found is None:
            if not waits:
                shutil.rmtree(self._folder, ignore_errors=True)  # what a killed worker left
            return IDLE_SECONDS
        try:
            self._start(found)
        except LeaseLost:
            raise
        except Exception as error:
            if fleeting(error):
                raise
            log.warning("%s cannot be inspected: %s", found.champion.version, line(error))
            with self._hold.transaction() as tx:
                inspections.give_up(tx, found, line(error))
        return WATCH_SECONDS

    def stop(self) -> None:
        """Ends the process, if there is one; its inspection goes on later."""
        if (running := self._running) is None:
            return
        for number, seconds in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.process.wait(seconds)
                break
        self._running = None

    def _place(self, found: Due) -> Path:
        return self._folder / str(found.question.id)

    def _start(self, found: Due) -> None:
        place = self._place(found)
        row = found.begun
        if row is None or not _is_of(place / SPEC, found.champion.version):
            row = self._prepare(found, place)
        process = self._launch(place)
        self._running, self._noted = Running(process, row.id, place), set()
        log.info("inspecting %s", found.champion.version)

    def _prepare(self, found: Due, place: Path) -> inspections.InspectionRow:
        """A folder with all that the process needs; the row says that it is under way once that is there."""
        settings, question = self._settings, Question.model_validate(found.question.spec)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        with self._hold.database.session() as session:
            written = data.write(session, found.question, found.champion, place / DATA)
            data.write_unlabelled(session, found.question, settings.seed, place / UNLABELLED)
            learnt = session.scalar(select(Round.tuned).where(Round.version == found.champion.version))
        champion, tuned = found.champion, launchers.allowed(settings, learnt)
        checkpoint = settings.checkpoints.read(champion.folder, digest=champion.manifest_digest)
        spec = InspectionSpec(
            version=champion.version,
            question=question,
            checkpoint=str(checkpoint.folder),
            data=str(place / DATA),
            unlabelled=str(place / UNLABELLED),
            output=str(place / FOUND),
            base_model=launchers.base_model(settings, tuned),
            seed=settings.seed,
            max_length=settings.max_length,
            max_minutes=settings.inspect_minutes,
            threads=settings.job_threads,
            hide_below=settings.shown_from[question.kind],
            groups=named_slices.names(settings.groups),
            tuned=tuned,
            foreign=foreign_models.configured(settings),
        )
        places.write(str(place / SPEC), spec.model_dump_json(indent=1).encode())
        with self._hold.transaction() as tx:
            return inspections.begin(tx, found, written)

    def _launch(self, place: Path) -> subprocess.Popen[bytes]:
        threads, hub = self._settings.job_threads, launchers.needs_hub(self._settings)
        with (place / LOG).open("ab") as file:
            process = subprocess.Popen(
                die_with_parent.tied([*self._command, str(place / SPEC)]),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=child.environment(threads, hub=hub, withheld=launchers.WITHHELD),
            )
        child.lower(process.pid, NICENESS)
        child.first_to_go(process.pid)
        return process

    def _watch(self, running: Running) -> None:
        code = running.process.poll()
        if code is None:
            names = {path.name for path in (running.place / FOUND).glob("*.json")}
            if names != self._noted:
                with self._hold.transaction() as tx:
                    inspections.note(tx, running.number, done(running.place / FOUND))
                self._noted = names
            return
        self._running = None
        if code == 0:
            self._end(running.number, running.place / FOUND)
            return
        with self._hold.transaction() as tx:
            again = inspections.try_again(tx, running.number)
        words = last_words(child.tail(running.place / LOG)) or f"it ended with exit code {code}"
        log.warning("an inspection ended too early: %s", words)
        if not again:
            self._end(running.number, running.place / FOUND, words)

    def _end(self, number: int, output: Path, problem: str | None = None) -> None:
        with self._hold.transaction() as tx:
            inspections.end(tx, number, done(output), problem)
        shutil.rmtree(output.parent, ignore_errors=True)  # the texts of the project are in there


def _is_of(path: Path, version: str) -> bool:
    try:
        return InspectionSpec.model_validate_json(path.read_bytes()).version == version
    except (OSError, ValidationError):
        return False

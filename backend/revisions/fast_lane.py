"""One project's fast lane: its questions' lanes, in turns, and what comes of them served together.

A question that several projects share is followed in the project that is its home.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Collection
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import CheckpointRow, Project, ProjectState, QuestionRow
from labelwheel.backend.errors import NotFound
from labelwheel.backend.projects import generations, projects
from labelwheel.backend.revisions.features import FeatureSource
from labelwheel.backend.revisions.lane import Assignment, Lane, Threads
from labelwheel.backend.revisions.publication import Change, publish
from labelwheel.backend.revisions.span_lane import SpanLane
from labelwheel.backend.revisions.text_lane import TextLane
from labelwheel.backend.rounds import evidence_mark
from labelwheel.backend.rounds.evidence_mark import Mark
from labelwheel.backend.trouble import Trouble
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Question

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
_AWAY_SECONDS = 2.0
_PIECES = 3
_NICER, _LOWEST = 10, 19
_LANES: dict[Row, type[Lane[Any]]] = {Row.TEXT: TextLane, Row.PAIR: TextLane, Row.TOKEN: SpanLane}


class FastLane:
    """Looks after the fast heads of one project; what it knows is in memory, and read anew after a restart.

    `wake` is set where labels have come: it need not be, but then they wait for a second. `workers` do what takes
    longer than a step; threads of its own if not given. From the examples of the keys `apart` nothing is learnt.
    """

    def __init__(
        self,
        hold: Hold,
        project_id: int,
        source: FeatureSource,
        workers: tuple[Executor, Executor] | None = None,
        apart: Collection[str] = (),
    ) -> None:
        self._hold, self._id, self._source = hold, project_id, source
        self._lanes: dict[int, tuple[object, Lane[Any]]] = {}
        self._troubles: dict[int, Trouble] = {}
        self._mark: Mark = ()
        self.wake = threading.Event()
        self._threads = Threads(*(workers or _threads(project_id)), self.wake.set)
        self._apart = apart
        self.wanted = True

    def step(self) -> float:
        """A small piece of work for each question; returns how many seconds to wait before the next."""
        with self._hold.database.glance() as connection:
            mark = evidence_mark.read(connection, self._id)
        if not mark or mark != self._mark:
            with self._hold.database.session() as session:
                try:
                    project = projects.get(session, self._id)
                except NotFound:
                    self.wanted = False
                    return 0.0
                if project.state != ProjectState.CONNECTED:
                    self.wanted = project.state == ProjectState.CONNECTING
                    return IDLE_SECONDS
                self._follow(session, project)
            self._mark = mark
        lanes = dict(self._lanes)
        wait, changes = IDLE_SECONDS, list[Change]()
        for number, (_, lane) in lanes.items():
            trouble = self._troubles.setdefault(
                number, Trouble(log, f"project {self._id} cannot follow {lane.spec.name!r}")
            )
            if trouble.pause:
                continue
            try:
                more, change = self._pieces(lane)
            except LabelwheelError as error:
                log.debug("project %s: the fast lane waits: %s", self._id, error)
                wait = min(wait, _AWAY_SECONDS)
                continue
            except LeaseLost:
                raise
            except Exception as error:
                trouble.note(error)
                self._forget(number)
                continue
            trouble.over()
            wait = 0.0 if more else wait
            changes += [change] if change else []
        if changes:
            self._publish(changes)
        return wait

    @staticmethod
    def _pieces(lane: Lane[Any]) -> tuple[bool, Change | None]:
        """From a label's features to its head in one go; what takes longer goes on after the other questions."""
        more, change = True, None
        for _ in range(_PIECES):
            if not more or change is not None:
                break
            more, change = lane.step()
        return more, change

    def _publish(self, changes: list[Change]) -> None:
        try:
            with self._hold.transaction() as tx:
                publish(tx, changes)
        except BaseException:
            for change in changes:  # they believe that it is served: let them find out what is
                self._forget(change.question_id)
            raise

    def _forget(self, number: int) -> None:
        """What a question's lane was doing is begun anew."""
        self._lanes.pop(number, None)
        self._mark = ()

    def close(self) -> None:
        """Nothing of it goes on."""
        for executor in (self._threads.measuring, self._threads.fitting):
            executor.shutdown(wait=False, cancel_futures=True)

    def _follow(self, session: Session, project: Project) -> None:
        """Keeps the lane of each question that can have one, with what the ledger knows by now."""
        found: set[int] = set()
        revision = generations.revision(session, project)
        for question in projects.questions(session, project.id):
            champion = self._champion(session, question)
            if champion is None:
                continue
            spec = Question.model_validate(question.spec)
            if kind_of(spec).free:
                continue
            key = champion.id, spec
            known = self._lanes.get(question.id)
            if known is None or known[0] != key:
                served = revision is not None and question.name in revision.members
                assignment = Assignment(question, champion, served, self._apart)
                lane = _LANES[kind_of(spec).row](self._source, self._threads, assignment)
                known = self._lanes[question.id] = key, lane
            known[1].read(session, question, champion)
            found.add(question.id)
        self._lanes = {number: lane for number, lane in self._lanes.items() if number in found}

    @staticmethod
    def _champion(session: Session, question: QuestionRow) -> CheckpointRow | None:
        """What heads of a question would stand on; None where there are none, or another project's lane sees to it."""
        if question.home_id is not None or question.champion_id is None or not question.active:
            return None
        champion = session.get(CheckpointRow, question.champion_id)
        return None if champion is None or champion.broken else champion


def _threads(project_id: int) -> tuple[Executor, Executor]:
    measuring = ThreadPoolExecutor(1, f"fast lane {project_id}", _politely)
    return measuring, ThreadPoolExecutor(1, f"fast lane {project_id} fits")


def _politely() -> None:
    """Whoever measures gives way to whoever follows a label or asks; Linux alone has that for each thread."""
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, min(_LOWEST, os.getpriority(os.PRIO_PROCESS, thread) + _NICER))

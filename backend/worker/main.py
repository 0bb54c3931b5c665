"""The worker's main loop: a lease, a thread for the rounds, and one for each project, so that none holds up another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from labelwheel.backend.database import keyring
from labelwheel.backend.database.engine import Database
from labelwheel.backend.database.lease import SECONDS, Hold, LeaseLost
from labelwheel.backend.database.start_errors import explain
from labelwheel.backend.database.tables import Project, ProjectState
from labelwheel.backend.revisions.fast_lane import FastLane
from labelwheel.backend.revisions.features import FeatureSource
from labelwheel.backend.rounds import launchers, retention
from labelwheel.backend.rounds.runner import Runner
from labelwheel.backend.settings import Settings
from labelwheel.backend.suggestions.showing import Suggester
from labelwheel.backend.trouble import Trouble
from labelwheel.backend.tuning.tuner import Tuner
from labelwheel.backend.web.client import Client
from labelwheel.backend.worker.inspection_loop import InspectionLoop
from labelwheel.backend.worker.project_loop import ProjectLoop
from labelwheel.training.launchers.base import Launcher

log = logging.getLogger(__name__)

ATTENDED = (ProjectState.CONNECTING, ProjectState.CONNECTED, ProjectState.DISCONNECTING)
_ATTENDED = select(Project.__table__.c.id).where(Project.__table__.c.state.in_(ATTENDED))
_LOOK_SECONDS = 0.5
_STOP_SECONDS = 4.0
_LONGEST_PAUSE = 15.0


class WebProcess(Suggester, FeatureSource, Protocol):
    """What the worker asks of the web process."""


def run(
    settings: Settings,
    stop: threading.Event,
    launcher: Launcher | None = None,
    web: WebProcess | None = None,
    lease_seconds: float = SECONDS,
) -> None:
    """Works until `stop` is set. Where another worker holds the lease, waits for it to end."""
    database = Database(settings.database_url)
    database.migrate(keyring.find(settings))
    launcher = launcher or launchers.load(settings)
    # generous, for a page of long texts on a busy CPU; the tool's own requests go first
    web = web or Client(settings.url, settings.token, seconds=330.0)
    said: str | None = None
    try:
        hold = Hold(database, seconds=lease_seconds)
        while not stop.is_set():
            trouble = _untaken(hold)
            if trouble is not None:
                if trouble != said:
                    log.warning("%s", trouble)
                said = trouble
                stop.wait(min(2.0, lease_seconds / 4))
                continue
            said = None
            log.info("the worker is running")
            Worker(hold, settings, launcher, web).work(stop)
            # another one: what a thread of before still wants to write must be refused
            hold = Hold(database, seconds=lease_seconds)
    finally:
        database.dispose()


class Worker:
    """What a holder of the lease does."""

    def __init__(self, hold: Hold, settings: Settings, launcher: Launcher, web: WebProcess) -> None:
        self._hold, self._settings, self._web = hold, settings, web
        self._runner, self._tuner = Runner(hold, settings, launcher), Tuner(hold, settings, launcher)
        self._ended = threading.Event()
        self._threads: dict[int, threading.Thread] = {}
        self._lanes: dict[int, tuple[FastLane, threading.Thread]] = {}
        self._troubles: dict[str, Trouble] = {}

    def work(self, stop: threading.Event) -> None:
        """Works until `stop` is set, or the lease is lost."""
        rounds = [self._thread("rounds", self._rounds), self._thread("searches", self._tune)]
        if self._settings.inspect:
            rounds.append(self._thread("inspections", self._inspect))
        with self._hold.kept(self._ended):
            while not stop.is_set() and not self._ended.is_set():
                self._guarded("look for projects", self._attend)
                stop.wait(_LOOK_SECONDS)
            lost = self._ended.is_set()
            self._ended.set()
            if lost:
                log.warning("another process is the worker now; this one waits")
            deadline = time.monotonic() + _STOP_SECONDS
            for lane, _ in self._lanes.values():
                lane.wake.set()
            lanes = [thread for _, thread in self._lanes.values()]
            for thread in (*rounds, *self._threads.values(), *lanes):
                thread.join(max(0.0, deadline - time.monotonic()))
            if not lost:
                self._guarded("stop the running job", self._runner.stop)
                self._guarded("stop the running search", self._tuner.stop)
                self._guarded("give the lease back", self._hold.release)

    def _attend(self) -> float:
        with self._hold.database.glance() as connection:
            wanted = set(connection.scalars(_ATTENDED))
        for number in wanted:
            thread = self._threads.get(number)
            if thread is None or not thread.is_alive():
                self._threads[number] = self._thread(f"project {number}", lambda number=number: self._project(number))  # type: ignore[misc]
            known = self._lanes.get(number)
            if self._settings.fast_lane and (known is None or not known[1].is_alive()):
                lane = FastLane(self._hold, number, self._web)
                thread = self._thread(f"fast lane {number}", lambda lane=lane: self._follow(lane))  # type: ignore[misc]
                self._lanes[number] = lane, thread
        return 0.0

    def _labelled(self, number: int) -> None:
        """Labels have come."""
        if (known := self._lanes.get(number)) is not None:
            known[0].wake.set()

    def _follow(self, lane: FastLane) -> None:
        try:
            while not self._ended.is_set() and lane.wanted:
                lane.wake.clear()
                lane.wake.wait(self._guarded("follow labels", lane.step))
        finally:
            lane.close()

    def _project(self, number: int) -> None:
        loop = ProjectLoop(self._hold, self._settings, number, self._web, lambda: self._labelled(number))
        while not self._ended.is_set() and loop.wanted:
            self._ended.wait(self._guarded(f"work for project {number}", loop.step))

    def _rounds(self) -> None:
        self._guarded(
            "note the hashes of old checkpoints", lambda: retention.remember(self._hold, self._settings) and None
        )
        while not self._ended.is_set():
            busy = self._guarded("work on the rounds", self._runner.step)
            self._ended.wait(0.05 if busy is True else 0.5)

    def _tune(self) -> None:
        while not self._ended.is_set():
            self._ended.wait(self._guarded("search for better settings", self._tuner.step))

    def _inspect(self) -> None:
        loop = InspectionLoop(self._hold, self._settings)
        try:
            while not self._ended.is_set():
                self._ended.wait(self._guarded("inspect what is served", loop.step))
        finally:
            loop.stop()

    def _guarded(self, what: str, step: Callable[[], object]) -> float:
        """One error never ends the worker; returns how long to wait."""
        trouble = self._troubles.setdefault(what, Trouble(log, f"cannot {what}", _LONGEST_PAUSE))
        try:
            wait = step() or 0.0
        except LeaseLost:
            self._ended.set()
            return 0.0
        except Exception as error:
            trouble.note(error)
            return trouble.pause
        if trouble.over():
            log.info("it works again: %s", what)
        return wait  # type: ignore[return-value]

    def _thread(self, name: str, target: Callable[[], None]) -> threading.Thread:
        # daemons: a call to a labelling tool that hangs must not keep the process from ending
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread


def _untaken(hold: Hold) -> str | None:
    """Why the lease could not be taken; None where it is ours."""
    try:
        taken = hold.acquire()
    except SQLAlchemyError as error:
        return explain(error, hold.database.url)
    return None if taken else "another worker is running; this one waits until that one ends"

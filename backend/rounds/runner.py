"""The runner: takes each round from the queue through its job to the gate, whatever gets killed on the way.

Every state is a row, and every step looks at the row first: a worker that comes up finds a round queued (starts it),
running with a handle (adopts the job), running without one (the last worker died between the two; starts it anew), or
gating (decides), or held for longer than it was to be (cancels it).
"""

from __future__ import annotations

import contextlib
import logging
import math
import time

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from labelwheel.backend import clock
from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import ACTIVE, QuestionRow, Round, RoundState, now
from labelwheel.backend.errors import Conflict
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import gate, jobs, promotion, retention, round_commands
from labelwheel.backend.rounds.isolation import Isolation
from labelwheel.backend.rounds.shared_jobs import JobStarter, next_group
from labelwheel.backend.settings import Settings
from labelwheel.backend.trouble import line
from labelwheel.training.errors import InvalidCheckpoint
from labelwheel.training.evaluation.looks import has_grown
from labelwheel.training.launchers.base import Launcher, Phase

log = logging.getLogger(__name__)

_R = Round.__table__.c
_ANY = select(_R.id).where(or_(_R.state.in_(ACTIVE), _R.handle.is_not(None))).limit(1)
_ATTEMPTS = 2
_GRACE = 1.2  # a job ends itself at its limit; this is for one that hangs
_KILLED = -1  # exit codes from here down say which signal ended a job


class Runner:
    """Works on the rounds, some jobs at a time. `step` never waits for a job."""

    def __init__(self, hold: Hold, settings: Settings, launcher: Launcher) -> None:
        self._hold, self._settings, self._launcher = hold, settings, launcher
        self._database = hold.database
        self._isolation = Isolation(self._abandon)
        self._starter = JobStarter(hold, settings, launcher, self._isolation)
        self._watched: dict[int, clock.LastTime] = {}

    def step(self) -> bool:
        """Does what can be done now; True where something was."""
        with self._database.glance() as connection:
            if connection.execute(_ANY).first() is None:
                self._isolation.keep(set())
                self._watched = {}
                return False
        with self._database.session() as session:
            ended = self._rounds(session, Round.handle.is_not(None), Round.state.not_in(ACTIVE))
            running = self._rounds(session, Round.state == RoundState.RUNNING)
            gating = self._rounds(session, Round.state == RoundState.GATING)
            lapsed = self._rounds(session, Round.state == RoundState.HELD, Round.held_until < now())
            queued = [found.id for found in self._rounds(session, Round.state == RoundState.QUEUED)]
        self._isolation.keep({*queued, *(found.id for found in (*ended, *running, *gating, *lapsed))})
        self._watched = {found.id: self._watched[found.id] for found in running if found.id in self._watched}
        done = False
        for found in ended:
            done = self._isolation.run(self._stop, found) or done
        for found in running:
            done = self._isolation.run(self._look, found) or done
        for found in gating:
            done = self._isolation.run(self._decide, found) or done
        for found in lapsed:
            done = self._isolation.run(self._let_go, found) or done
        while self._running() < self._settings.jobs and self._start_next():
            done = True
        if done:
            retention.tidy(self._hold, self._settings)
        return done

    def stop(self) -> None:
        """Ends the running job on purpose: its round is queued again, for the next start."""
        with self._database.session() as session:
            running = self._rounds(session, Round.state == RoundState.RUNNING)
        for found in running:
            try:
                self._pause(found)
            except LeaseLost:
                raise
            except Exception as error:
                log.warning("round %s could not be stopped: %s; the next start adopts it", found.id, line(error))

    def _pause(self, found: Round) -> None:
        if found.handle is not None and found.launcher == self._settings.launcher:
            self._launcher.cancel(found.handle)
        if not jobs.finished(self._settings, found.version):
            self._requeue(found, "the worker was stopped", forgive=True)

    def _running(self) -> int:
        with self._database.session() as session:
            handles = session.scalars(select(Round.handle).where(Round.state == RoundState.RUNNING)).all()
        return len({handle for handle in handles if handle}) + handles.count(None)

    def _start_next(self) -> bool:
        with self._database.session() as session:
            queued = self._rounds(session, Round.state == RoundState.QUEUED)
            queued = [found for found in queued if not self._isolation.waits(found)]
            group = next_group(session, queued)
        for found in group:
            self._watched.pop(found.id, None)
        # where it could not be started, because of a full disk, say, the next one is looked for
        return bool(group) and self._starter.start(group)

    def _look(self, found: Round) -> bool:
        """Follows a running job; adopts it where another worker started it."""
        # a handle is only for the launcher that gave it
        handle = found.handle if found.launcher == self._settings.launcher else None
        if handle is None and not jobs.finished(self._settings, found.version):
            why = "the worker was killed while it started the job"
            if found.handle is not None:
                why = f"its job was started by {found.launcher!r}, LABELWHEEL_LAUNCHER is {self._settings.launcher!r}"
            self._launcher.end_strays(str(found.id))
            self._requeue(found, why, forgive=True)
            return True
        if found.fence != self._hold.fence:
            self._adopt(found)
            return True
        state = None if handle is None else self._launcher.poll(handle)
        runs = state is not None and state.phase is Phase.RUNNING
        if runs and jobs.company(self._settings, found.id) == 1:
            return self._check_time(found)
        finished, failure = jobs.finished(self._settings, found.version), jobs.failure(self._settings, found)
        if runs and not (finished or failure):
            return self._check_time(found)
        if runs:
            self._leave(found)
        if finished:
            self._move(found, RoundState.GATING)
        elif failure:
            self._fail(found, f"the job failed: {failure}")
        else:
            self._fail_or_retry(found, handle, state.code if state else None)
        if handle is not None and not runs and not self._needed(found):
            self._collect(handle)
        return True

    def _fail_or_retry(self, found: Round, handle: str | None, code: int | None) -> None:
        """The job has ended without a checkpoint and without a reason of the round's own."""
        words = jobs.last_words(self._launcher.logs(handle, str(found.id))) if handle else ""
        if (code is None or code <= _KILLED) and found.attempts < _ATTEMPTS:
            # nobody saw how an orphan ended; once more is cheap, for ever would not be
            how = "was killed" if code is None else f"was killed by signal {-code}"
            self._requeue(found, f"its job {how}{f' after: {words}' if words else ''}; once more", forgive=False)
            return
        how = "was killed" if code is not None and code <= _KILLED else "failed"
        self._fail(found, f"the job {how}: {words or 'it left no message'}")

    def _collect(self, handle: str) -> None:
        try:
            self._launcher.collect(handle)
        except Exception as error:  # what came of the round is noted, and stays so
            log.warning("what is left of a job was not cleared away: %s", line(error))

    def _decide(self, found: Round) -> bool:
        if found.fence != self._hold.fence:
            self._adopt(found)
            return True
        with self._database.session() as session:
            question = session.get_one(QuestionRow, found.question_id)
            look = champion_groups.next_look(session, question, found.champion_id)
            before = champion_groups.decided(session, question)
        grown = before is None or has_grown(found.label_count, before.label_count)
        try:
            folder = self._settings.checkpoints.fetch(found.version)
            judgement = gate.judge(folder, found.version, found.recipe, self._settings, look, grown)
        except InvalidCheckpoint as error:
            self._fail(found, str(error))
            return True
        end = promotion.reject if not judgement.promote else promotion.promote if found.hold is None else promotion.hold
        with self._hold.transaction() as tx:
            end(tx, found, judgement)
        return True

    def _let_go(self, found: Round) -> bool:
        """It was held, and nobody has promoted it in time."""
        with self._hold.transaction() as tx:
            round_commands.lapse(tx, found.id)
        return True

    def _check_time(self, found: Round) -> bool:
        count = jobs.company(self._settings, found.id)
        limit = (self._settings.job_minutes * count * _GRACE + 1) * 60
        watched = self._watched.get(found.id)
        if watched is None:
            # it may run for a while already, started by the worker before
            watched = self._watched[found.id] = clock.LastTime()
            elapsed = clock.age(found.started_at)
            watched.note(time.monotonic() - (elapsed if math.isfinite(elapsed) else 0.0))
        if found.handle is None or watched.age(None) < limit:
            return False
        self._launcher.cancel(found.handle)
        setting = "LABELWHEEL_JOB_MINUTES" if count == 1 else f"LABELWHEEL_JOB_MINUTES for each of {count} questions"
        self._fail(found, f"the job took longer than {self._settings.job_minutes * count:g} minutes ({setting})")
        return True

    def _stop(self, found: Round) -> bool:
        """The round has ended, its job has not: someone cancelled it."""
        if not self._leave(found) and found.handle is not None:
            self._launcher.withdraw(found.handle, str(found.id))
        with self._hold.transaction() as tx:
            tx.get_one(Round, found.id, with_for_update=True).handle = None
        return True

    def _leave(self, found: Round) -> bool:
        """Ends a round's job, unless another round needs it; whether it has ended for all that is known here."""
        if found.handle is None or found.launcher != self._settings.launcher:
            return True
        needed = self._needed(found)
        if not needed:
            self._launcher.cancel(found.handle)
        return not needed

    def _needed(self, found: Round) -> bool:
        """Whether another round runs in the same job."""
        same = (Round.handle == found.handle, Round.id != found.id, Round.state == RoundState.RUNNING)
        with self._database.session() as session:
            return bool(self._rounds(session, *same))

    def _adopt(self, found: Round) -> None:
        with self._hold.transaction() as tx:
            mine = tx.get_one(Round, found.id, populate_existing=True, with_for_update=True)
            mine.owner, mine.fence = self._hold.owner, self._hold.fence
        log.info("round %s of another worker goes on here", found.id)

    def _move(self, found: Round, state: RoundState) -> None:
        with self._hold.transaction() as tx:
            mine = tx.get_one(Round, found.id, populate_existing=True, with_for_update=True)
            if mine.state != RoundState.RUNNING:
                raise Conflict(f"it is {mine.state} now")
            mine.state, mine.handle, mine.progress, mine.seconds_left = state, None, 1.0, None

    def _requeue(self, found: Round, reason: str, forgive: bool) -> None:
        with self._hold.transaction() as tx:
            mine = tx.get_one(Round, found.id, populate_existing=True, with_for_update=True)
            if mine.state != RoundState.RUNNING:
                return
            mine.state, mine.handle, mine.progress_token, mine.progress = RoundState.QUEUED, None, None, 0.0
            mine.seconds_left = None
            if forgive:
                mine.attempts -= 1
            question = tx.get_one(QuestionRow, mine.question_id)
            details = {"round": mine.id, "version": mine.version}
            champion_groups.decide(tx, question, "queued again", reason, details)

    def _abandon(self, found: Round, reason: str) -> None:
        """Fails a round whose step raised, with whatever of its job is there; raises Conflict where it has ended."""
        with self._database.session() as session:
            current = session.get_one(Round, found.id)
        started = current.state == RoundState.RUNNING
        if started or current.state == RoundState.QUEUED:
            reason = f"{'its job could not be followed' if started else 'the job could not be started'}: {reason}"
        self._fail(current, reason)
        if started:
            with contextlib.suppress(Exception):  # it may be the launcher that raises
                if not self._leave(current):
                    return
                self._launcher.end_strays(str(found.id))

    def _fail(self, found: Round, reason: str) -> None:
        with self._database.session() as session:
            current = session.get_one(Round, found.id)
        with self._hold.transaction() as tx:
            promotion.fail(tx, current, reason)

    @staticmethod
    def _rounds(session: Session, *conditions: object) -> list[Round]:
        return list(session.scalars(select(Round).where(*conditions).order_by(Round.id)))  # type: ignore[arg-type]

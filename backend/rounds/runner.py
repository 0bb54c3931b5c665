"""The runner: takes each round from the queue through its job to the gate, whatever gets killed on the way.

Every state is a row, and every step looks at the row first: a worker that comes up finds a round queued (starts it),
running with a handle (adopts the job), running without one (the last worker died between the two; starts it anew), or
gating (decides).
"""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend import clock
from backend.errors import Conflict
from backend.ledger import lineages, projects
from backend.ledger.lease import Hold, LeaseLost
from backend.ledger.tables import (
    CheckpointRow,
    QuestionRow,
    Round,
    RoundState,
    now,
)
from backend.rounds import data, gate, housekeeping, jobs, progress, promotion
from backend.rounds.isolation import Isolation
from backend.settings import Settings
from backend.trouble import line
from training.errors import InvalidCheckpoint
from training.launchers.base import Launcher, Phase
from training.questions import Question
from training.spec import Recipe

log = logging.getLogger(__name__)

_ATTEMPTS = 2
_GRACE = 1.2  # a job ends itself at its limit; this is for one that hangs
_KILLED = -1  # exit codes from here down say which signal ended a job


class Runner:
    """Works on the rounds, some jobs at a time. `step` never waits for a job."""

    def __init__(self, hold: Hold, settings: Settings, launcher: Launcher) -> None:
        self._hold, self._settings, self._launcher = hold, settings, launcher
        self._database = hold.database
        self._isolation = Isolation(self._abandon)
        self._watched: dict[int, clock.Last] = {}

    def step(self) -> bool:
        """Does what can be done now; True where something was."""
        with self._database.session() as session:
            ended = self._rounds(
                session, Round.handle.is_not(None), Round.state.not_in(("running", "gating", "queued"))
            )
            running = self._rounds(session, Round.state == RoundState.RUNNING)
            gating = self._rounds(session, Round.state == RoundState.GATING)
            queued = [found.id for found in self._rounds(session, Round.state == RoundState.QUEUED)]
        self._isolation.keep({*queued, *(found.id for found in (*ended, *running, *gating))})
        self._watched = {found.id: self._watched[found.id] for found in running if found.id in self._watched}
        done = False
        for found in ended:
            done = self._isolation.run(self._stop, found) or done
        for found in running:
            done = self._isolation.run(self._look, found) or done
        for found in gating:
            done = self._isolation.run(self._decide, found) or done
        while self._running() < self._settings.jobs and self._start_next():
            done = True
        if done:
            housekeeping.tidy(self._hold, self._settings)
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
        if found.handle is not None:
            self._launcher.cancel(found.handle)
        if not jobs.finished(self._settings, found.version):
            self._requeue(found, "the worker was stopped", forgive=True)

    def _running(self) -> int:
        with self._database.session() as session:
            query = select(func.count()).select_from(Round).where(Round.state == RoundState.RUNNING)
            return session.scalar(query) or 0

    def _start_next(self) -> bool:
        with self._database.session() as session:
            queued = self._rounds(session, Round.state == RoundState.QUEUED)
            queued = [found for found in queued if not self._isolation.waits(found)]
            # answering from the names takes seconds, and until then nothing is shown at all
            for found in sorted(queued, key=lambda each: each.recipe != Recipe.NAMES):
                if lineages.live(session, session.get_one(QuestionRow, found.question_id)):
                    break
            else:
                return False
        # where it could not be started, because of a full disk, say, the next one is looked for
        return self._isolation.run(self._start, found) or self._isolation.waits(found)

    def _start(self, found: Round) -> bool:
        place = jobs.folder(self._settings, found.id)
        place.mkdir(parents=True, exist_ok=True)
        with self._database.session() as session:
            question = session.get_one(QuestionRow, found.question_id)
            spec = Question.model_validate(question.spec)
            champion = None if question.champion_id is None else session.get(CheckpointRow, question.champion_id)
            if champion is not None:
                jobs.check(self._settings, champion)
            written = data.write(session, question, champion, place / jobs.DATA)
        path = jobs.specify(self._settings, found, spec, champion.folder if champion else None)
        with self._hold.transaction() as tx:
            projects.lock(tx, found.project_id)
            claimed = tx.get_one(Round, found.id, populate_existing=True, with_for_update=True)
            if claimed.state != RoundState.QUEUED:
                raise Conflict(f"it is {claimed.state} now")
            # never before the sharing that it knows of, whatever the clock was set to meanwhile
            shared = [row.shared_at for row in lineages.members(tx, question) if row.shared_at is not None]
            claimed.state, claimed.started_at, claimed.ended_at = RoundState.RUNNING, max([now(), *shared]), None
            claimed.owner, claimed.fence = self._hold.owner, self._hold.fence
            claimed.attempts += 1
            claimed.champion_id = champion.id if champion else None
            claimed.last_event_id, claimed.label_count = written.last_event_id, written.examples
            token = secrets.token_urlsafe(24)
            claimed.digest, claimed.progress_token = spec.digest, progress.digest(token)
            claimed.progress, claimed.seconds_left, claimed.metrics, claimed.handle = 0.0, None, {}, None
            if claimed.attempts == 1:
                learnt = f"{written.examples} labelled examples" if written.examples else "the label names"
                reason = f"it was ordered ({claimed.trigger}); it learns from {learnt}"
                lineages.decide(tx, question, "started", reason)
        self._watched.pop(found.id, None)
        if jobs.finished(self._settings, found.version):
            return True  # an earlier attempt got to the end after all
        url = f"{self._settings.url.rstrip('/')}/api/v1/rounds/{found.id}/progress"
        handle = self._launcher.submit(path, url, token, place / "log")
        with self._hold.transaction() as tx:
            tx.get_one(Round, found.id, with_for_update=True).handle = handle
        return True

    def _look(self, found: Round) -> bool:
        """Follows a running job; adopts it where another worker started it."""
        if found.handle is None and not jobs.finished(self._settings, found.version):
            self._launcher.end_strays(jobs.specification(self._settings, found.id))
            self._requeue(found, "the worker was killed while it started the job", forgive=True)
            return True
        if found.fence != self._hold.fence:
            self._adopt(found)
            return True
        state = None if found.handle is None else self._launcher.poll(found.handle)
        if state is not None and state.phase is Phase.RUNNING:
            return self._check_time(found)
        if jobs.finished(self._settings, found.version):
            self._move(found, RoundState.GATING)
            return True
        code = state.code if state else None
        words = jobs.last_words(self._settings, found.id)
        if (code is None or code <= _KILLED) and found.attempts < _ATTEMPTS:
            # nobody saw how an orphan ended; once more is cheap, for ever would not be
            how = "was killed" if code is None else f"was killed by signal {-code}"
            self._requeue(found, f"its job {how}{f' after: {words}' if words else ''}; once more", forgive=False)
            return True
        how = "was killed" if code is not None and code <= _KILLED else "failed"
        self._fail(found, f"the job {how}: {words or 'it left no message'}")
        return True

    def _decide(self, found: Round) -> bool:
        if found.fence != self._hold.fence:
            self._adopt(found)
            return True
        folder = jobs.output(self._settings, found.version)
        try:
            judgement = gate.judge(folder, found.version, found.recipe, self._settings)
        except InvalidCheckpoint as error:
            self._fail(found, str(error))
            return True
        with self._hold.transaction() as tx:
            (promotion.promote if judgement.promote else promotion.reject)(tx, found, judgement)
        return True

    def _check_time(self, found: Round) -> bool:
        limit = (self._settings.job_minutes * _GRACE + 1) * 60
        watched = self._watched.get(found.id)
        if watched is None:
            # it may run for a while already, started by the worker before
            watched = self._watched[found.id] = clock.Last()
            elapsed = clock.age(found.started_at)
            watched.note(time.monotonic() - (elapsed if math.isfinite(elapsed) else 0.0))
        if found.handle is None or watched.age(None) < limit:
            return False
        self._launcher.cancel(found.handle)
        self._fail(found, f"the job took longer than {self._settings.job_minutes:g} minutes (LABELWHEEL_JOB_MINUTES)")
        return True

    def _stop(self, found: Round) -> bool:
        """The round has ended, its job has not: someone cancelled it."""
        if found.handle is not None:
            self._launcher.cancel(found.handle)
        with self._hold.transaction() as tx:
            tx.get_one(Round, found.id, with_for_update=True).handle = None
        return True

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
            lineages.decide(tx, question, "queued again", reason, details)

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
                if current.handle is not None:
                    self._launcher.cancel(current.handle)
                self._launcher.end_strays(jobs.specification(self._settings, found.id))

    def _fail(self, found: Round, reason: str) -> None:
        with self._database.session() as session:
            current = session.get_one(Round, found.id)
        with self._hold.transaction() as tx:
            promotion.fail(tx, current, reason)

    @staticmethod
    def _rounds(session: Session, *conditions: object) -> list[Round]:
        return list(session.scalars(select(Round).where(*conditions).order_by(Round.id)))  # type: ignore[arg-type]

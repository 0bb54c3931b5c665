"""The runner: takes each round from the queue through its job to the gate, whatever gets killed on the way.

Every state is a row, and every step looks at the row first: a worker that comes up finds a round queued (starts it),
running with a handle (adopts the job), running without one (the last worker died between the two; starts it anew), or
gating (decides).
"""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.errors import Conflict
from backend.ledger import lineages, projects
from backend.ledger.lease import Hold
from backend.ledger.tables import (
    CheckpointRow,
    QuestionRow,
    Round,
    RoundState,
    now,
)
from backend.rounds import data, gate, housekeeping, jobs, promotion
from backend.settings import Settings
from training.errors import InvalidCheckpoint, LabelwheelError
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

    def step(self) -> bool:
        """Does what can be done now; True where something was."""
        with self._database.session() as session:
            ended = self._rounds(
                session, Round.handle.is_not(None), Round.state.not_in(("running", "gating", "queued"))
            )
            running = self._rounds(session, Round.state == RoundState.RUNNING)
            gating = self._rounds(session, Round.state == RoundState.GATING)
        done = False
        for found in ended:
            self._stop(found)
            done = True
        for found in running:
            done = self._isolated(self._look, found) or done
        for found in gating:
            done = self._isolated(self._decide, found) or done
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
            if found.handle is not None:
                self._launcher.cancel(found.handle)
            if not jobs.finished(self._settings, found.version):
                self._requeue(found, "the worker was stopped", forgive=True)

    def _isolated(self, step: object, found: Round) -> bool:
        """One round's trouble is that round's alone."""
        try:
            return bool(step(found))  # type: ignore[operator]
        except Conflict as error:
            log.info("round %s was left alone: %s", found.id, error)
        return False

    def _running(self) -> int:
        with self._database.session() as session:
            query = select(func.count()).select_from(Round).where(Round.state == RoundState.RUNNING)
            return session.scalar(query) or 0

    def _start_next(self) -> bool:
        with self._database.session() as session:
            queued = self._rounds(session, Round.state == RoundState.QUEUED)
            # answering from the names takes seconds, and until then nothing is shown at all
            for found in sorted(queued, key=lambda each: each.recipe != Recipe.NAMES):
                if lineages.live(session, session.get_one(QuestionRow, found.question_id)):
                    break
            else:
                return False
        try:
            return self._isolated(self._start, found)
        except (LabelwheelError, OSError) as error:
            # a full disk under the data file, or a job that cannot be started: this round fails, not the worker
            self._fail(found, f"the job could not be started: {error}")
            return True

    def _start(self, found: Round) -> bool:
        place = jobs.folder(self._settings, found.id)
        place.mkdir(parents=True, exist_ok=True)
        with self._database.session() as session:
            question = session.get_one(QuestionRow, found.question_id)
            spec = Question.model_validate(question.spec)
            champion = None if question.champion_id is None else session.get(CheckpointRow, question.champion_id)
            written = data.write(session, question, champion, place / "data.jsonl")
        path = jobs.specify(self._settings, found, spec, champion.folder if champion else None)
        with self._hold.transaction() as tx:
            projects.lock(tx, found.project_id)
            claimed = tx.get_one(Round, found.id, populate_existing=True, with_for_update=True)
            if claimed.state != RoundState.QUEUED:
                raise Conflict(f"it is {claimed.state} now")
            claimed.state, claimed.started_at, claimed.ended_at = RoundState.RUNNING, now(), None
            claimed.owner, claimed.fence = self._hold.owner, self._hold.fence
            claimed.attempts += 1
            claimed.champion_id = champion.id if champion else None
            claimed.last_event_id, claimed.label_count = written.last_event_id, written.examples
            claimed.digest, claimed.progress_token = spec.digest, secrets.token_urlsafe(24)
            claimed.progress, claimed.seconds_left, claimed.metrics, claimed.handle = 0.0, None, {}, None
            token = claimed.progress_token
            if claimed.attempts == 1:
                learnt = f"{written.examples} labelled examples" if written.examples else "the label names"
                reason = f"it was ordered ({claimed.trigger}); it learns from {learnt}"
                lineages.decide(tx, question, "started", reason)
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
            jobs.end_strays(self._settings, found.id)
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
        limit = timedelta(minutes=self._settings.job_minutes * _GRACE + 1)
        if found.started_at is None or now() - found.started_at < limit or found.handle is None:
            return False
        self._launcher.cancel(found.handle)
        self._fail(found, f"the job took longer than {self._settings.job_minutes:g} minutes (LABELWHEEL_JOB_MINUTES)")
        return True

    def _stop(self, found: Round) -> None:
        """The round has ended, its job has not: someone cancelled it."""
        if found.handle is not None:
            self._launcher.cancel(found.handle)
        with self._hold.transaction() as tx:
            tx.get_one(Round, found.id, with_for_update=True).handle = None

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

    def _fail(self, found: Round, reason: str) -> None:
        with self._database.session() as session:
            current = session.get_one(Round, found.id)
        with self._hold.transaction() as tx:
            promotion.fail(tx, current, reason)

    @staticmethod
    def _rounds(session: Session, *conditions: object) -> list[Round]:
        return list(session.scalars(select(Round).where(*conditions).order_by(Round.id)))  # type: ignore[arg-type]

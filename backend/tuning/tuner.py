"""The tuner: takes each search through its jobs to its verdict, one at a time, whatever gets killed on the way.

Every step looks at the rows first: a worker that comes up adopts the job of a search that has a handle, starts anew
what was started without one, and goes on where the trials are. Rounds go first: where one is ordered the job of a
search ends, what its trials have left is kept, and the others are measured when the rounds are over.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import QuestionRow, TrialRow, TrialState, TuningRow
from labelwheel.backend.errors import Conflict
from labelwheel.backend.projects import champion_groups
from labelwheel.backend.rounds import inspections, jobs
from labelwheel.backend.settings import Settings
from labelwheel.backend.trouble import fleeting, line
from labelwheel.backend.tuning import plan, trial_jobs, trial_rows, tuning_rows
from labelwheel.backend.tuning.plan import Next, Step
from labelwheel.training.launchers.base import Launcher, Phase
from labelwheel.training.questions import Question
from labelwheel.training.tuning.figures import TrialFigures

log = logging.getLogger(__name__)

IDLE_SECONDS, WATCH_SECONDS = 2.0, 0.5
_NOTE_SECONDS = 5.0
_LONGEST_LOOK = 30.0
"""A step that came so late did not watch the job: what a machine slept is not spent."""

ATTEMPTS = 2
_GRACE = 1.2


class Tuner:
    """Works on the searches, the oldest first. `step` never waits for a job."""

    def __init__(self, hold: Hold, settings: Settings, launcher: Launcher) -> None:
        self._hold, self._settings, self._launcher = hold, settings, launcher
        self._looked: float | None = None
        self._begun = time.monotonic()  # the job, as far as is known here
        self._unnoted = 0.0
        self._running: dict[int, str] = {}

    def step(self) -> float:
        """Does what can be done now; returns how many seconds to wait before the next. Raises LeaseLost."""
        with self._hold.database.session() as session:
            ended, current = tuning_rows.ended(session), tuning_rows.current(session)
            waits = inspections.round_active(session)
            gone = [number for number in self._running if session.get(TuningRow, number) is None]
            hindrance = None if current is None else _hindrance(session, current)
        for number in gone:  # with its project, while its job ran
            self._launcher.cancel(self._running.pop(number))
        for row in ended:
            self._tidy(row)
        if current is None:
            return IDLE_SECONDS
        try:
            if hindrance is not None:
                self._end(current, hindrance)
                return 0.0
            if current.handle is not None:
                self._watch(current, waits)
                return WATCH_SECONDS
            return WATCH_SECONDS if waits else self._go_on(current)
        except LeaseLost:
            raise
        except Conflict as error:  # somebody was faster, such as who cancelled it
            log.info("%s", error)
            return WATCH_SECONDS
        except Exception as error:
            if fleeting(error):
                raise
            log.exception("search %s failed", current.id)
            self._end(current, line(error))
            return 0.0

    def stop(self) -> None:
        """Ends the job that runs; its search goes on with the next start."""
        with self._hold.database.session() as session:
            current = tuning_rows.current(session)
        if current is not None and current.handle is not None:
            self._interrupt(current, self._note(current))

    def _go_on(self, tuning: TuningRow) -> float:
        with self._hold.database.session() as session:
            rows = trial_rows.of(session, tuning.id)
        if lost := [row for row in rows if row.state == TrialState.RUNNING]:
            # the worker was killed between the start of the job and the note of its handle
            for row in lost:
                self._launcher.end_strays(trial_jobs.name(tuning, row))
            self._put_back(tuning, self._note(tuning))
            return 0.0
        step = plan.next_step(tuning, rows)
        if step.what is Next.MEASURE:
            self._start(tuning, step.rows)
            return WATCH_SECONDS
        if step.what is Next.CONCLUDE:
            with self._hold.database.session() as session:
                found, best = trial_rows.verdict(session, tuning, self._settings.seed)
            with self._hold.transaction() as tx:
                tuning_rows.conclude(tx, tuning.id, found, best)
        elif step.what is Next.FAIL:
            self._end(tuning, step.reason)
        else:
            self._add(tuning, step)
        return 0.0

    def _add(self, tuning: TuningRow, step: Step) -> None:
        """New rows for trials that are to be measured."""
        settings = self._settings
        if step.what is Next.BEGIN:
            written = trial_jobs.prepare(self._hold.database, settings, tuning)
            with self._hold.transaction() as tx:
                trial_rows.begin(tx, tuning.id, written, settings)
            return
        for _ in range(step.many):
            with self._hold.database.session() as session:
                params = trial_rows.propose(session, tuning, settings.seed)
            with self._hold.transaction() as tx:
                trial_rows.add(tx, tuning.id, params, settings.seed)
        if step.what is Next.ANEW:
            with self._hold.transaction() as tx:
                trial_rows.anew(tx, tuning.id, [row.number for row in step.rows], settings.seed)

    def _start(self, tuning: TuningRow, rows: Sequence[TrialRow]) -> None:
        trial_jobs.prepare(self._hold.database, self._settings, tuning)  # on a machine of before they are there
        with self._hold.database.session() as session:
            question = Question.model_validate(session.get_one(QuestionRow, tuning.question_id).spec)
        numbers = [row.number for row in rows]
        with self._hold.transaction() as tx:
            trial_rows.running(tx, tuning.id, numbers, self._hold.fence, self._settings.launcher)
        trial_jobs.clear(self._settings, tuning, rows)
        tasks = [trial_jobs.task(self._settings, tuning, question, row) for row in rows]
        handle = self._launcher.submit(tasks)
        self._running[tuning.id] = handle
        with self._hold.transaction() as tx:
            tuning_rows.note_handle(tx, tuning.id, handle)
        self._looked = self._begun = time.monotonic()

    def _watch(self, tuning: TuningRow, waits: bool) -> None:
        """Follows the job; adopts it where another worker started it."""
        if tuning.launcher != self._settings.launcher:  # a handle is only for the launcher that gave it
            self._put_back(tuning, self._note(tuning))
            return
        assert tuning.handle is not None
        self._running[tuning.id] = tuning.handle
        state = self._launcher.poll(tuning.handle)
        spent = self._spend(tuning, state.phase is not Phase.RUNNING or waits)
        left = self._note(tuning)
        if state.phase is Phase.RUNNING and left:
            with self._hold.database.session() as session:
                over = plan.over_at(tuning, trial_rows.of(session, tuning.id))
            if waits or spent >= over:
                self._interrupt(tuning, left)
            elif time.monotonic() - self._begun > (self._settings.job_minutes * len(left) * _GRACE + 1) * 60:
                self._launcher.cancel(tuning.handle)  # a trial ends itself at its limit; this is for one that hangs
                self._blame(tuning, left, f"it took longer than {self._settings.job_minutes:g} minutes")
                self._forget_job(tuning)
            return
        if state.phase is not Phase.RUNNING:
            self._blame(tuning, left, None if state.code is None or state.code < 0 else "it left no message")
            self._launcher.collect(tuning.handle)
        self._forget_job(tuning)

    def _note(self, tuning: TuningRow) -> list[TrialRow]:
        """Takes in what running trials have left; those that have left nothing yet."""
        with self._hold.database.session() as session:
            running = [row for row in trial_rows.of(session, tuning.id) if row.state == TrialState.RUNNING]
        left = []
        for row in running:
            found: TrialFigures | str | None = trial_jobs.figures(self._settings, tuning, row)
            found = found or trial_jobs.failure(self._settings, tuning, row)
            if found is None:
                left.append(row)
                continue
            with self._hold.database.session() as session:
                noted = trial_rows.noted(session, tuning, row.number, found)
            with self._hold.transaction() as tx:
                trial_rows.keep(tx, tuning.id, row.number, noted, self._settings)
            trial_jobs.clear(self._settings, tuning, [row])
        return left

    def _blame(self, tuning: TuningRow, left: Sequence[TrialRow], why: str | None) -> None:
        """The job has ended and some trials have left nothing: once more where it was killed, for it may be chance.

        `why` is what else became of it, None that it was killed.
        """
        assert tuning.handle is not None
        for row in left:
            words = jobs.last_words(self._launcher.logs(tuning.handle, trial_jobs.name(tuning, row)))
            again = why is None and row.attempts < ATTEMPTS
            reason = words or why or "its job was killed"
            with self._hold.transaction() as tx:
                trial_rows.give_up(tx, tuning.id, row.number, None if again else reason)

    def _interrupt(self, tuning: TuningRow, left: Sequence[TrialRow]) -> None:
        """Ends the job; what its trials have left is noted, and the others wait again."""
        if tuning.handle is not None and tuning.launcher == self._settings.launcher:
            self._launcher.cancel(tuning.handle)
            left = self._note(tuning)
        self._put_back(tuning, left)

    def _put_back(self, tuning: TuningRow, left: Sequence[TrialRow]) -> None:
        with self._hold.transaction() as tx:
            for row in left:
                trial_rows.give_up(tx, tuning.id, row.number, None, counted=False)
        self._forget_job(tuning)

    def _forget_job(self, tuning: TuningRow) -> None:
        with self._hold.transaction() as tx:
            tuning_rows.note_handle(tx, tuning.id, None)
        self._running.pop(tuning.id, None)
        self._looked = None

    def _spend(self, tuning: TuningRow, note: bool) -> float:
        """What is spent by now; noted every few seconds, which is all that a kill can lose of it."""
        moment = time.monotonic()
        self._unnoted += min(moment - (self._looked if self._looked is not None else moment), _LONGEST_LOOK)
        self._looked = moment
        spent = tuning.spent + self._unnoted
        if note or self._unnoted >= _NOTE_SECONDS:
            with self._hold.transaction() as tx:
                tuning_rows.spend(tx, tuning.id, spent)
            self._unnoted = 0.0
        return spent

    def _end(self, tuning: TuningRow, reason: str) -> None:
        with self._hold.transaction() as tx:
            tuning_rows.fail(tx, tuning.id, reason)

    def _tidy(self, tuning: TuningRow) -> None:
        """A search that has ended: its job is stopped, and what it needed goes, the texts of the project first."""
        if tuning.handle is not None and tuning.launcher == self._settings.launcher:
            self._launcher.cancel(tuning.handle)
        with self._hold.database.session() as session:
            strays = [row for row in trial_rows.of(session, tuning.id) if row.state == TrialState.RUNNING]
        if tuning.handle is None:
            for row in strays:
                self._launcher.end_strays(trial_jobs.name(tuning, row))
        trial_jobs.clear_all(self._settings, tuning)
        with self._hold.transaction() as tx:
            tuning_rows.tidied(tx, tuning.id)
        self._running.pop(tuning.id, None)
        self._looked, self._unnoted = None, 0.0


def _hindrance(session: Session, tuning: TuningRow) -> str | None:
    """Why a search cannot go on, whatever it has found."""
    question = session.get_one(QuestionRow, tuning.question_id)
    if not question.active or Question.model_validate(question.spec).digest != tuning.digest:
        return "the question was changed or removed while the search ran; start it anew"
    if not champion_groups.live(session, question):
        return "no project that asks the question is connected any more"
    if question.home_id is not None:
        return "the question shares another one's champion now; search there"
    return None

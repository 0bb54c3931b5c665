"""Rounds leave the queue for a job; those of one project that can share a job leave together."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy.orm import Session

from labelwheel.backend.database.lease import Hold, LeaseLost
from labelwheel.backend.database.tables import CheckpointRow, QuestionRow, Round, RoundState, now
from labelwheel.backend.errors import Conflict
from labelwheel.backend.projects import champion_groups, projects
from labelwheel.backend.rounds import data, jobs, progress
from labelwheel.backend.rounds.isolation import Isolation
from labelwheel.backend.settings import Settings
from labelwheel.training.launchers.base import Launcher, Task
from labelwheel.training.questions import Question
from labelwheel.training.spec import Part, Recipe

TOGETHER = 12
"""Rounds in a job, at most: what waits behind them should not wait for ever."""


class Claim(NamedTuple):
    """A round that is this worker's, and what its job has to do."""

    found: Round
    task: Task


class JobStarter:
    """Starts jobs; where one round cannot be started it is left behind, and fails alone."""

    def __init__(self, hold: Hold, settings: Settings, launcher: Launcher, isolation: Isolation) -> None:
        self._hold, self._settings, self._launcher, self._isolation = hold, settings, launcher, isolation

    def start(self, group: Sequence[Round]) -> bool:
        """True where something was done, or where another group may be looked for. Raises LeaseLost alone."""
        claims: list[Claim] = []

        def claim(found: Round) -> bool:
            if (mine := self._claim(found)) is not None:
                claims.append(mine)
            return True

        tried = [self._isolation.run(claim, found) for found in group]
        done = any(tried) or any(self._isolation.waits(found) for found in group)
        if claims:
            try:
                self._submit(claims)
            except LeaseLost:
                raise
            except Exception as error:
                ended = [self._isolation.run(_raising(error), each.found) for each in claims]
                return any(ended) or any(self._isolation.waits(each.found) for each in claims)
        return done

    def _claim(self, found: Round) -> Claim | None:
        """None where an earlier attempt got to the end after all."""
        place = jobs.folder(self._settings, found.id)
        place.mkdir(parents=True, exist_ok=True)
        with self._hold.database.session() as session:
            question = session.get_one(QuestionRow, found.question_id)
            spec = Question.model_validate(question.spec)
            champion = None if question.champion_id is None else session.get(CheckpointRow, question.champion_id)
            if champion is not None:
                jobs.check(self._settings, champion)
            written = data.write(session, question, champion, place / jobs.DATA)
            if found.recipe != Recipe.NAMES:
                data.write_unlabelled(session, question, self._settings.seed, place / jobs.UNLABELLED)
        job = jobs.specify(self._settings, found, spec, champion.folder if champion else None)
        with self._hold.transaction() as tx:
            projects.lock(tx, found.project_id)
            claimed = tx.get_one(Round, found.id, populate_existing=True, with_for_update=True)
            if claimed.state != RoundState.QUEUED:
                raise Conflict(f"it is {claimed.state} now")
            # never before the sharing that it knows of, whatever the clock was set to meanwhile
            shared = [row.shared_at for row in champion_groups.members(tx, question) if row.shared_at is not None]
            claimed.state, claimed.started_at, claimed.ended_at = RoundState.RUNNING, max([now(), *shared]), None
            claimed.owner, claimed.fence = self._hold.owner, self._hold.fence
            claimed.launcher = self._settings.launcher
            claimed.attempts += 1
            claimed.champion_id = champion.id if champion else None
            claimed.last_event_id, claimed.label_count = written.last_event_id, written.examples
            token = secrets.token_urlsafe(24)
            claimed.digest, claimed.progress_token = spec.digest, progress.digest(token)
            claimed.progress, claimed.seconds_left, claimed.metrics, claimed.handle = 0.0, None, {}, None
            if claimed.attempts == 1:
                champion_groups.decide(tx, question, "started", f"it learns from {_learnt(found, written)}")
        if jobs.finished(self._settings, found.version):
            return None
        url = f"{self._settings.url.rstrip('/')}/api/v1/rounds/{found.id}/progress"
        return Claim(found, Task(str(found.id), job, url, token))

    def _submit(self, claims: Sequence[Claim]) -> None:
        numbers = [each.found.id for each in claims]
        for number in numbers:
            jobs.note_company(self._settings, number, len(numbers))
        handle = self._launcher.submit([each.task for each in claims])
        # in one transaction: a job of which some rounds know and others do not would be killed as a stray
        with self._hold.transaction() as tx:
            for number in numbers:
                tx.get_one(Round, number, with_for_update=True).handle = handle


def _learnt(found: Round, written: data.Written) -> str:
    """What the champion will have been made from, and what tells how good it is."""
    if found.recipe == Recipe.NAMES or not written.examples:
        return "the label names"
    held_out = written.parts.get(Part.HELD_OUT, 0)
    measured = f", and {held_out:,} that are held out measure it" if held_out else ""
    return f"{written.parts.get(Part.TRAIN, 0):,} labelled examples{measured}"


def next_group(session: Session, queued: Sequence[Round]) -> list[Round]:
    """The rounds that leave next: one that can, and those of its project that can do so with it; empty where none can.

    A round whose job was killed leaves alone: what killed it must not take the others along again.
    """
    # answering from the names takes seconds, and until then nothing is shown at all
    ordered = sorted(queued, key=lambda each: each.recipe != Recipe.NAMES)
    group: list[Round] = []
    for found in ordered:
        if group and (not _alike(group[0], found) or len(group) == TOGETHER):
            continue
        if champion_groups.live(session, session.get_one(QuestionRow, found.question_id)):
            group.append(found)
            if found.attempts:
                break
    return group


def _alike(first: Round, other: Round) -> bool:
    # one job has one base model
    bases = {(found.tuned or {}).get("base_model") for found in (first, other)}
    same = (first.project_id, first.recipe) == (other.project_id, other.recipe)
    return same and len(bases) == 1 and not other.attempts


def _raising(error: Exception) -> Callable[[Round], bool]:
    def step(found: Round) -> bool:
        raise error

    return step

"""One policy from the first label to the last: what comes of it, with the product's own lanes, jobs and gate."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import NamedTuple, Self, cast

from sqlalchemy import select

from labelwheel.backend.database.tables import Decision, Round
from labelwheel.backend.replay import identity, scoring, scratch
from labelwheel.backend.replay.answers import Answers
from labelwheel.backend.replay.outcome import Outcome, RoundOutcome
from labelwheel.backend.replay.policies import Policy
from labelwheel.backend.replay.recording import RecordedRound, Recording
from labelwheel.backend.replay.starts import EVER, PolicyStarts, RecordedStarts, Start, Starts
from labelwheel.backend.replay.turns import OrderedTurns, TrueTurns, Turn, Turns, Upcoming
from labelwheel.backend.replay.workers import Followed
from labelwheel.backend.suggestions.ordering import Name
from labelwheel.training.checkpoints.checkpoint import Checkpoint
from labelwheel.training.checkpoints.store import Store
from labelwheel.training.errors import InvalidAnswer, InvalidCheckpoint

POINTS = 16
"""Points of the curve, beside those before the first label and after the last."""

_BEGIN = datetime(1, 1, 1, tzinfo=UTC)

Told = Callable[[str, int, int], object]
"""Is told what goes on, after how many labels of how many, again and again while that takes; may raise to end it."""


class _Running(NamedTuple):
    number: int
    start: Start
    ends: datetime


class Simulation:
    """Used as a context: what runs of it ends with the block. `store` has the recorded checkpoints, where there are."""

    def __init__(
        self,
        recording: Recording,
        policy: Policy,
        labels: int,
        store: Store | None = None,
        told: Told = lambda *_: None,
    ) -> None:
        self._recording, self._policy, self._store, self._told = recording, policy, store, told
        self._all = len({event.example_key for event in recording.events})
        self._labels = min(labels, self._all)
        self._clock, self._done = _BEGIN, set[str]()
        self._running: _Running | None = None
        self._doing = "labels"
        self.outcome = Outcome(policy.name, recording.metric)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            home = stack.enter_context(scratch.folder()) / "home"
            opened = scratch.opened(self._recording, self._policy.settings(home), self._tell)
            self._scratch = stack.enter_context(opened)
            settings, hold = self._scratch.settings, self._scratch.hold
            self._answers = Answers(hold.database, settings, scratch.PROJECT, self._recording.question)
            stack.callback(self._answers.close)
            self._answers.follow()
            self._yardstick = scoring.Yardstick(self._recording, self._scratch)
            apart = self._yardstick.keys
            self._lane = Followed(hold, scratch.PROJECT, self._answers, apart) if settings.fast_lane else None
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self) -> Outcome:
        """All of it. Raises LabelwheelError where something of it cannot be done."""
        before, recording, policy = _cpu_seconds(), self._recording, self._policy
        starts: Starts = RecordedStarts(recording) if policy.recorded else PolicyStarts(recording)
        turns: Turns = (
            TrueTurns(recording, self._labels)
            if policy.order == "true"
            else OrderedTurns(recording, self._labels, cast(Name, policy.order), self._answers)
        )
        every = max(1, self._labels // POINTS)
        while (upcoming := turns.upcoming()) is not None:
            self._rounds(starts, upcoming)
            if not self._done:
                self._point()
            turn = turns.take()
            self._label(turn)
            if turn.first and len(self._done) % every == 0:
                self._point()
        if not policy.recorded or self._labels == self._all:
            self._rounds(starts, None)
        elif self._running is not None:
            self._finish(self._running)
        self._point()
        self.outcome.cpu_seconds = _cpu_seconds() - before
        return self.outcome

    def _rounds(self, starts: Starts, upcoming: Upcoming | None) -> None:
        """Ends and starts the rounds that are due before a label comes, or all that are left."""
        until = EVER if upcoming is None else upcoming.moment
        while True:
            if self._running is not None and self._running.ends <= until:
                self._finish(self._running)
                continue
            start = starts.next(self._scratch, upcoming)
            if start is None:
                return
            if self._running is not None:
                self._finish(self._running)
            self._begin(start)

    def _begin(self, start: Start) -> None:
        begins = start.begins if start.recorded is not None else max(start.begins, self._clock)
        self._scratch.arrive(begins)
        recorded = start.recorded
        version, champion = (recorded.version, recorded.champion) if recorded is not None else (None, None)
        number = self._scratch.order(start.trigger, start.recipe, version, champion)
        self._running = _Running(number, start, EVER if begins > EVER - start.took else begins + start.took)
        self._tell(f"a round on {len(self._done)} labels")

    def _finish(self, running: _Running) -> None:
        """The job ends, the gate decides, and people are shown what comes of it."""
        self._running, self._clock = None, min(max(self._clock, running.ends), EVER)
        self._scratch.wait(running.number)
        found = self._challenger(running)
        known = scoring.later(self._recording, self._done)
        question, before, after = self._recording.question, None, None
        if found is not None:
            before = known.score(question, self._answers.say(known.examples))
            after = known.score(question, self._answers.said_by(self._answers.challenger(found), known.examples))
        decided = self._scratch.decide(running.number)
        if running.start.recorded is not None:
            self._compare(running.start.recorded, found, decided)
        self.outcome.rounds.append(
            RoundOutcome(
                version=decided.version,
                recipe=decided.recipe,
                labels=decided.label_count,
                state=str(decided.state),
                reason=decided.reason or "",
                before=before,
                after=after,
                examples=len(known.examples),
            )
        )
        self._follow()

    def _challenger(self, running: _Running) -> Checkpoint | None:
        version = self._scratch.found(running.number).version
        try:
            return self._scratch.settings.checkpoints.read(version)
        except InvalidCheckpoint:
            return None  # the runner says why

    def _compare(self, recorded: RecordedRound, found: Checkpoint | None, decided: Round) -> None:
        before = self._kept(recorded)
        query = select(Decision.details).where(Decision.kind == str(decided.state)).order_by(Decision.id.desc())
        with self._scratch.database.session() as session:
            details = session.scalars(query.limit(1)).first() or {}
        notes = tuple(
            str(note) for each in (before, found) if each is not None for note in each.report.get("notes", ())
        )
        manifests = before.manifest if before else None, found.manifest if found else None
        said = identity.compare(recorded, *manifests, str(decided.state), details, notes)
        self.outcome.identity.append(said)

    def _kept(self, recorded: RecordedRound) -> Checkpoint | None:
        if self._store is None or not recorded.kept:
            return None
        with suppress(InvalidCheckpoint):  # what is damaged tells nothing
            return self._store.read(recorded.version)
        return None

    def _label(self, turn: Turn) -> None:
        """One label: scored against what was shown just before, and then learnt."""
        self._clock = max(self._clock, turn.moment)
        self._scratch.arrive(turn.moment)
        if turn.first:
            example, answer = self._recording.example(turn.key), turn.events[-1].answer
            with suppress(InvalidAnswer):  # it was given to the question of then
                known = scoring.Known([example], [self._recording.question.check(answer, example)])
                (loss,) = known.losses(self._recording.question, self._answers.say([example]))
                self.outcome.accepted.append(loss == 0.0)
            self._done.add(turn.key)
        self._scratch.append(turn.events)
        self._follow()
        self._tell("labels")

    def _follow(self) -> None:
        self._answers.follow()
        if self._lane is not None:
            self._lane.follow()

    def _point(self) -> None:
        found = self._yardstick.point(len(self._done), self._answers.say(self._yardstick.known.examples))
        if found is not None:
            self.outcome.add(found)

    def _tell(self, what: str | None = None) -> None:
        self._doing = what or self._doing
        self._told(self._doing, len(self._done), self._labels)


def _cpu_seconds() -> float:
    """Of this process and of the jobs that have ended."""
    return sum(os.times()[:4])

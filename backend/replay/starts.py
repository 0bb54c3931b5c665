"""When rounds start in a replay: where they were recorded, or where the product's own policy says."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from labelwheel.backend.database.tables import QuestionRow
from labelwheel.backend.replay.recording import RecordedRound, Recording
from labelwheel.backend.replay.scratch import QUESTION, Scratch
from labelwheel.backend.replay.turns import Upcoming
from labelwheel.backend.rounds.evidence import gather
from labelwheel.backend.rounds.policy import judge
from labelwheel.training.spec import Recipe

EVER = datetime.max.replace(tzinfo=UTC)


class Start(NamedTuple):
    """A round that starts, at a moment of the recording, and how long it takes until what comes of it is served."""

    trigger: str
    recipe: Recipe
    begins: datetime
    took: timedelta
    recorded: RecordedRound | None = None


class Starts(Protocol):
    """Asked before each label, and after the last."""

    def next(self, scratch: Scratch, upcoming: Upcoming | None) -> Start | None:
        """The round that starts before that label; None where none does."""


class RecordedStarts:
    """Each round where it was: after the last label that it knew of."""

    def __init__(self, recording: Recording) -> None:
        self._left = deque(recording.rounds)

    def next(self, scratch: Scratch, upcoming: Upcoming | None) -> Start | None:
        if not self._left or (upcoming is not None and (upcoming.event or 0) <= self._left[0].last_event_id):
            return None
        found = self._left.popleft()
        return Start(found.trigger, Recipe(found.recipe), found.started_at, found.ended_at - found.started_at, found)


class PolicyStarts:
    """As the worker starts them. People's pauses are those of the recording; a round takes as long as those did."""

    def __init__(self, recording: Recording) -> None:
        self._seconds = recording.round_seconds
        self._timed = recording.placed

    def next(self, scratch: Scratch, upcoming: Upcoming | None) -> Start | None:
        then = EVER if upcoming is None else upcoming.moment
        with scratch.database.session() as session:
            evidence = gather(session, session.get_one(QuestionRow, QUESTION), scratch.settings)
        if not self._timed or upcoming is None:
            evidence = replace(evidence, newest=None)
        else:  # ages are told for this moment, and the policy is asked for the one in which the next label comes
            late = (datetime.now(UTC) - then).total_seconds()
            evidence = replace(evidence, newest=_less(evidence.newest, late), reached=_less(evidence.reached, late))
        verdict = judge(evidence, scratch.settings)
        if verdict.recipe is None:
            return None
        quiet = scratch.settings.quiet_seconds
        waited = [evidence.newest - quiet if evidence.newest is not None else None]
        waited += [evidence.reached - 2 * quiet if evidence.reached is not None else None]
        earlier = max((each for each in waited if each is not None), default=0.0)
        begins = EVER if then is EVER else then - timedelta(seconds=max(0.0, earlier))
        took = self._seconds if verdict.recipe is Recipe.AUTO else 0.0
        return Start(verdict.trigger, verdict.recipe, begins, timedelta(seconds=took))


def _less(age: float | None, seconds: float) -> float | None:
    return None if age is None else age - seconds

"""What the API gives of rounds and of searches."""

# no annotations from __future__ here, for the reason that response_bodies has

from typing import Annotated, Any

from labelwheel.backend.database.tables import RoundState, TuningState
from labelwheel.backend.web.response_bodies import Body, Time, one_of


class RoundBody(Body):
    """One attempt at a better checkpoint."""

    id: int
    state: Annotated[str, one_of(RoundState)]
    trigger: str
    recipe: str
    version: str
    progress: float
    seconds_left: float | None
    metrics: dict[str, Any]
    reason: str | None
    held_until: Time | None
    run: str | None


class TuningBody(Body):
    """One search for better settings, in seconds of jobs."""

    id: int
    state: Annotated[str, one_of(TuningState)]
    budget: float
    spent: float
    most_trials: int | None
    reason: str | None
    round_id: int | None
    run: str | None


class RunBody(Body):
    """What a run of a pipeline has ordered of a question: the latest of each."""

    round: RoundBody | None
    tuning: TuningBody | None


class Forgotten(Body):
    """Whether there were settings in force that a search had found."""

    forgotten: bool

"""What is said of searches for better settings. Read where it is described or tested, as `status_body` is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from labelwheel.backend.views.shares_body import Body


class TunedSettings(Body):
    """How rounds learn, in words, and as a job is told."""

    words: str
    settings: dict[str, Any]


class TuningVerdict(Body):
    """Whether what was found is better than the defaults by more than noise, on fresh folds."""

    worth: bool
    reason: str
    best: int | None
    gain: float = Field(description="in mean loss, of the answers and with a fifth of its weight the log loss")
    noise: float = Field(description="what the best of as many trials gains by noise alone, in nine cases of ten")
    chance: float = Field(description="how often noise alone gains as much")
    answers: float = Field(description="the gain in the loss of the answers alone")
    looks: int
    groups: int = Field(description="independent examples")


class TuningSearch(Body):
    """One search; `budget` and `spent` are seconds of jobs, `counted` the trials that were begun."""

    id: int
    state: str
    budget: float
    spent: float
    most_trials: int | None
    label_count: int
    counted: int
    progress: float
    seconds_left: float | None
    reason: str | None
    verdict: TuningVerdict | None
    importances: dict[str, float] = Field(description="by setting, how much it matters for a trial to be good")
    tuned: TunedSettings | None = Field(description="what was best, whether it is used or not")
    round_id: int | None = Field(description="the round that was ordered with it")
    round_state: str | None
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


class TuningTrial(Body):
    """One trial; `value` is the loss at its last `rung`, `role` what it is for."""

    number: int
    role: str = Field(description="`defaults`, `search` or `anew`: one of the best, or the defaults, on fresh folds")
    state: str
    became: str
    rung: int
    of: int | None = Field(description="the trial that is measured anew; 0 of a strategy as it is without a search")
    settings: str | None
    value: float | None
    score: float | None
    seconds: float
    detail: str


class BriefTuning(Body):
    """The settings in force, null for the defaults, and the search that is under way or was the last."""

    tuned: TunedSettings | None
    search: TuningSearch | None


class Tuning(Body):
    """The searches of a question, the newest first, and the trials of the latest."""

    question: str
    tuned: TunedSettings | None = Field(description="the settings in force; null: the defaults")
    searches: list[TuningSearch]
    trials: list[TuningTrial]

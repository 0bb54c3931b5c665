"""What a search does next: a pure function of its rows.

First the defaults, each strategy as a round would try it. Then trials, by what earlier ones have shown, until their
share of the budget is spent or as many as were wanted are done. Then the best few and the defaults anew, on fresh folds
and with fresh seeds, which the verdict rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from labelwheel.backend.database.tables import TrialRole, TrialRow, TrialState, TuningRow
from labelwheel.backend.tuning.fidelities import LAST

SEARCH_SHARE, LONGEST_SHARE = 0.6, 0.85
"""Of the budget; the rest is for measuring anew what was found. While nothing is ahead, the search goes on longer."""

TOGETHER = 4
"""Trials in a job: they share its start and the features of texts."""

FINALISTS, REPEATS = 3, 5
"""The best are measured anew so many times, or until the budget is spent."""

MOST = 500
"""Trials of a search, whatever its budget."""

FRESH_SEED = 1_000_003
"""Between two seeds: what is measured anew has other folds than in the search."""


class Next(StrEnum):
    BEGIN = "begin"  # the defaults are to be measured
    PROPOSE = "propose"  # so many new trials
    MEASURE = "measure"  # these rows, in one job
    ANEW = "anew"  # these trials are the best: they and the defaults are to be measured anew
    CONCLUDE = "conclude"
    FAIL = "fail"


class Step(NamedTuple):
    """What to do, with which rows; `many` new ones; `reason` says why nothing can be done."""

    what: Next
    rows: Sequence[TrialRow] = ()
    many: int = 0
    reason: str = ""


def next_step(tuning: TuningRow, rows: Sequence[TrialRow]) -> Step:
    """The next step of a search of which no job runs."""
    if not rows:
        return Step(Next.BEGIN)
    first, late = rows[0], tuning.spent >= tuning.budget
    if first.state == TrialState.FAILED:
        return Step(Next.FAIL, reason=f"the defaults could not be measured: {first.detail}")
    if first.state == TrialState.WAITING:
        return Step(Next.FAIL, reason=_SHORT) if late else Step(Next.MEASURE, [first])
    anew = [row for row in rows if row.role == TrialRole.ANEW]
    if not anew:
        found = finalists(rows)
        if tuning.spent < tuning.budget * _share(found) and (step := _search(tuning, rows)):
            return step
        return Step(Next.ANEW, found) if found and not late else Step(Next.CONCLUDE)
    waiting = [row for row in anew if row.state == TrialState.WAITING]
    return Step(Next.MEASURE, _together(waiting)) if waiting and not late else Step(Next.CONCLUDE)


def finalists(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """The best trials that are ahead of the defaults, as far as the search knows, the best first."""
    usual = defaults(rows)
    if usual is None:
        return []
    ahead = [row for row in rows if row.role == TrialRole.SEARCH and row.state == TrialState.COMPLETE]
    ahead = [row for row in ahead if row.number != usual.number and value(row) < value(usual)]
    return sorted(ahead, key=value)[:FINALISTS]


def defaults(rows: Sequence[TrialRow]) -> TrialRow | None:
    """The strategy that a round would choose, as it is without any search."""
    chosen = rows[0].detail if rows else ""
    return next((row for row in rows if is_usual(row) and (row.settings or {}).get("strategy") == chosen), None)


def is_usual(row: TrialRow) -> bool:
    """Whether a trial of the search is a strategy as it is, which was measured with the defaults."""
    return row.role == TrialRole.SEARCH and row.of is not None


def value(row: TrialRow) -> float:
    """What it has come to at its last rung, the less the better."""
    return float(row.values[str(max(map(int, row.values)))])


def proposed(rows: Sequence[TrialRow]) -> int:
    """How many trials were proposed so far."""
    return sum(row.role == TrialRole.SEARCH and row.of is None for row in rows)


def over_at(tuning: TuningRow, rows: Sequence[TrialRow]) -> float:
    """When the job that runs has had its time, in seconds that are spent."""
    running = {row.role for row in rows if row.state == TrialState.RUNNING}
    return tuning.budget * (_share(finalists(rows)) if TrialRole.SEARCH in running else 1.0)


def _share(found: Sequence[TrialRow]) -> float:
    return SEARCH_SHARE if found else LONGEST_SHARE


def _search(tuning: TuningRow, rows: Sequence[TrialRow]) -> Step | None:
    """None where all that were wanted are done."""
    waiting = [row for row in rows if row.state == TrialState.WAITING]
    waiting.sort(key=lambda row: (row.role != TrialRole.DEFAULTS, -row.rung, row.number))
    left = min(tuning.most_trials or MOST, MOST) - proposed(rows)
    missing = TOGETHER - sum(row.role == TrialRole.SEARCH for row in waiting)
    if left > 0 and missing > 0:
        return Step(Next.PROPOSE, many=min(left, missing))
    return Step(Next.MEASURE, _together(waiting)) if waiting else None


def _together(waiting: Sequence[TrialRow]) -> list[TrialRow]:
    """Those of one base model, which one job can measure, as the first of them."""

    def base(row: TrialRow) -> str | None:
        return (row.settings or {}).get("base_model")

    same = [row for row in waiting if base(row) == base(waiting[0])]
    return same[: TOGETHER + LAST]


_SHORT = "the budget was spent before the defaults were measured; give it a longer --budget"

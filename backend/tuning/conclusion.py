"""What comes of a search: the verdict on what was measured anew, and a round where it is worth one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labelwheel.backend.database.tables import TrialRole, TrialRow, TrialState, TuningRow
from labelwheel.backend.tuning import plan
from labelwheel.backend.tuning.fidelities import LAST
from labelwheel.training.tuning import verdict
from labelwheel.training.tuning.figures import worth
from labelwheel.training.tuning.verdict import Candidate, Losses, Verdict


def conclude(tuning: TuningRow, rows: Sequence[TrialRow], seed: int) -> tuple[Verdict, TrialRow | None]:
    """The verdict, and the trial whose settings it is about."""
    usual = plan.defaults(rows)
    looks = sum(row.role == TrialRole.SEARCH and bool(row.values) for row in rows)
    if not any(row.role == TrialRole.SEARCH and row.values and not plan.is_usual(row) for row in rows):
        return Verdict(
            False, "the budget was spent before anything else was measured than the defaults", looks=looks
        ), None
    if usual is None or not any(row.role == TrialRole.ANEW for row in rows):
        return Verdict(False, f"none of {looks} trials was ahead of the defaults", looks=looks), None
    anew: dict[int, list[TrialRow]] = {}
    for row in rows:
        if row.role == TrialRole.ANEW and row.state == TrialState.COMPLETE and row.of is not None:
            anew.setdefault(row.of, []).append(row)
    again = anew.pop(usual.number, [])
    if not again or not anew:
        return Verdict(
            False, "the budget was spent before the best were measured anew; give it a longer --budget"
        ), None
    same = {LAST: usual} | {
        row.rung: row for row in rows if row.role == TrialRole.DEFAULTS and row.number and row.values
    }
    searched = [
        (_worth([same[_rung(row)]]), _worth([row]))
        for row in rows
        if row.role == TrialRole.SEARCH and row.number != usual.number and row.values and _rung(row) in same
    ]
    numbers = sorted(anew)
    found = verdict.judge(
        _candidate(again), [_candidate(anew[number]) for number in numbers], searched, tuning.groups or {}, seed
    )
    best = None if found.best is None else next(row for row in rows if row.number == numbers[found.best])
    return found, best


def behind(tuning: TuningRow, rows: Sequence[TrialRow], trial: TrialRow, losses: Mapping[str, Sequence[float]]) -> bool:
    """Whether a trial is plainly worse at its rung than the defaults are there, however the other trials do."""
    usual = next(
        (row for row in rows if row.role == TrialRole.DEFAULTS and row.number and row.rung == trial.rung), None
    )
    if usual is None or not usual.losses:
        return False
    mine = worth({key: (float(answer), float(fine)) for key, (answer, fine) in losses.items()})
    return verdict.behind(_worth([usual]), mine, tuning.groups or {})


def _rung(row: TrialRow) -> int:
    """The last that it was measured at."""
    return max(map(int, row.values))


def _candidate(rows: Sequence[TrialRow]) -> Candidate:
    answers = _mean([{key: float(pair[0]) for key, pair in (row.losses or {}).items()} for row in rows])
    return Candidate(_worth(rows), answers)


def _worth(rows: Sequence[TrialRow]) -> Losses:
    return _mean([worth({key: tuple(pair) for key, pair in (row.losses or {}).items()}) for row in rows])


def _mean(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By example, over repeats that have it."""
    together: dict[str, list[float]] = {}
    for losses in found:
        for key, loss in losses.items():
            together.setdefault(key, []).append(loss)
    return {key: sum(each) / len(each) for key, each in together.items()}

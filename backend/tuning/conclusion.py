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
    groups = {_place(row, key): (tuning.groups or {}).get(key, key) for row in rows for key in row.losses or {}}
    found = verdict.judge(_candidate(again), [_candidate(anew[number]) for number in numbers], searched, groups, seed)
    best = None if found.best is None else next(row for row in rows if row.number == numbers[found.best])
    return found, best


def behind(tuning: TuningRow, rows: Sequence[TrialRow], trial: TrialRow, losses: Mapping[str, Sequence[float]]) -> bool:
    """Whether a trial is plainly worse at its rung than the defaults are there, however the other trials do."""
    usual = next(
        (row for row in rows if row.role == TrialRole.DEFAULTS and row.number and row.rung == trial.rung), None
    )
    if usual is None or not usual.losses:
        return False
    mine = worth({_place(usual, key): (float(answer), float(fine)) for key, (answer, fine) in losses.items()})
    groups = {_place(usual, key): group for key, group in (tuning.groups or {}).items()}
    return verdict.behind(_worth([usual]), mine, groups)


def _rung(row: TrialRow) -> int:
    """The last that it was measured at."""
    return max(map(int, row.values))


def _candidate(rows: Sequence[TrialRow]) -> Candidate:
    return Candidate(_worth(rows), {name: pair[0] for name, pair in _losses(rows).items()})


def _worth(rows: Sequence[TrialRow]) -> Losses:
    return worth(_losses(rows))


def _losses(rows: Sequence[TrialRow]) -> dict[str, tuple[float, float]]:
    """By example and folds: what two were measured on in the same way can be compared, and nothing else."""
    pairs = ((_place(row, key), pair) for row in rows for key, pair in (row.losses or {}).items())
    return {place: (float(answer), float(fine)) for place, (answer, fine) in pairs}


def _place(row: TrialRow, key: str) -> str:
    return f"{row.seed} {key}"

"""What was measured in the same way is compared, and nothing else."""

from __future__ import annotations

import pytest

from labelwheel.backend.database.tables import TrialRow, TuningRow
from labelwheel.backend.tuning import conclusion

COUNT = 80


def losses(wrong: float, first: int = 0) -> dict[str, list[float]]:
    """So large a share of the examples from a place on is answered wrongly."""
    return {str(first + number): [float(number < wrong * COUNT), 0.0] for number in range(COUNT)}


def row(number: int, role: str, found: dict[str, list[float]], **more: object) -> TrialRow:
    mean = sum(answer for answer, _ in found.values()) / COUNT
    given = {"rung": 2, "seed": 0, "state": "complete", "settings": {"strategy": "b", "knobs": {"steps": 1.0 + number}}}
    return TrialRow(number=number, role=role, values={"2": mean}, losses=found, detail="", **{**given, **more})


def searched(*anew: TrialRow) -> list[TrialRow]:
    """The defaults (of strategy `a`), one trial that is better, and what was measured anew."""
    first = row(0, "defaults", losses(0.5), settings=None)
    first.detail = "a"
    usual = row(1, "search", losses(0.5), of=0, settings={"strategy": "a"})
    return [first, usual, row(2, "search", losses(0.2)), *anew]


def test_a_repeat_of_one_alone_is_no_comparison() -> None:
    """Folds differ in how hard they are: the trial was cut off in the second, which was easy for the defaults."""
    rows = searched(
        row(3, "anew", losses(0.5), of=1, seed=7),
        row(4, "anew", losses(0.2), of=2, seed=7),
        row(5, "anew", losses(0.0), of=1, seed=8),
        row(6, "anew", losses(0.0), of=2, seed=8, state="failed"),
    )
    found, best = conclusion.conclude(TuningRow(groups={}), rows, 1)
    assert found.gain == pytest.approx(0.3)
    assert found.worth
    assert best is not None
    assert best.number == 2


def test_repeats_on_other_examples_are_more_examples() -> None:
    rows = searched(
        row(3, "anew", losses(0.5), of=1, seed=7),
        row(4, "anew", losses(0.2), of=2, seed=7),
        row(5, "anew", losses(0.5, first=COUNT), of=1, seed=8),
        row(6, "anew", losses(0.4, first=COUNT), of=2, seed=8),
    )
    found, _ = conclusion.conclude(TuningRow(groups=None), rows, 1)
    assert found.groups == 2 * COUNT
    assert found.gain == pytest.approx(0.2)
    copies = TuningRow(groups={str(number): str(number % COUNT) for number in range(2 * COUNT)})
    assert conclusion.conclude(copies, rows, 1)[0].groups == COUNT


def test_what_was_not_measured_is_said() -> None:
    nothing, _ = conclusion.conclude(TuningRow(), searched()[:2], 1)
    assert "before anything else was measured than the defaults" in nothing.reason
    late, _ = conclusion.conclude(TuningRow(), searched(row(3, "anew", losses(0.5), of=1, state="failed")), 1)
    assert "before the best were measured anew" in late.reason
    behind, _ = conclusion.conclude(TuningRow(), searched(), 1)
    assert behind.reason == "none of 2 trials was ahead of the defaults"


def test_a_trial_is_behind_by_what_the_defaults_are_at_its_rung() -> None:
    rows = [*searched(), row(3, "defaults", losses(0.3), rung=0)]
    groups = TuningRow(groups={str(number): str(number) for number in range(COUNT)})
    trial = row(4, "search", {}, rung=0)
    assert conclusion.behind(groups, rows, trial, losses(0.7))
    assert not conclusion.behind(groups, rows, trial, losses(0.32))
    trial.rung = 1
    assert not conclusion.behind(groups, rows, trial, losses(0.9)), "the defaults are not measured there yet"

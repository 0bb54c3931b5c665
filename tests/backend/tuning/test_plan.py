"""What a search does next follows from its rows and what is spent."""

from __future__ import annotations

import pytest

from labelwheel.backend.database.tables import TrialRow, TuningRow
from labelwheel.backend.tuning import plan
from labelwheel.backend.tuning.plan import Next


def row(number: int, role: str, value: float | None, **more: object) -> TrialRow:
    values = {} if value is None else {"2": value}
    given = {"rung": 2, "state": "complete", "settings": {"strategy": "b"}, "detail": ""}
    return TrialRow(number=number, role=role, values=values, **{**given, **more})


def rows(trial: float) -> list[TrialRow]:
    """The defaults have a loss of .5, and one trial has this one."""
    usual = row(1, "search", 0.5, of=0, settings={"strategy": "a"})
    return [row(0, "defaults", 0.5, settings=None, detail="a"), usual, row(2, "search", trial)]


def at(share: float, found: list[TrialRow], trials: int | None = None) -> plan.Step:
    return plan.next_step(TuningRow(budget=100.0, spent=100.0 * share, most_trials=trials), found)


@pytest.mark.parametrize(("trial", "share"), [(0.4, plan.SEARCH_SHARE), (0.6, plan.LONGEST_SHARE)])
def test_while_nothing_is_ahead_the_search_goes_on_for_longer(trial: float, share: float) -> None:
    running = [*rows(trial), row(3, "search", None, state="running")]
    assert plan.over_at(TuningRow(budget=100.0), running) == pytest.approx(100.0 * share)
    assert at(share - 0.01, rows(trial)).what is Next.PROPOSE
    after = at(share + 0.01, rows(trial))
    assert after.what is (Next.ANEW if trial < 0.5 else Next.CONCLUDE)


def test_as_many_trials_as_were_wanted_and_no_more() -> None:
    assert at(0.1, rows(0.4), trials=3).many == 2
    assert at(0.1, rows(0.4), trials=1).what is Next.ANEW
    waiting = [*rows(0.4), *(row(3 + n, "search", None, state="waiting", rung=n % 2) for n in range(plan.TOGETHER))]
    step = at(0.1, waiting)
    assert step.what is Next.MEASURE
    assert [each.rung for each in step.rows] == [1, 1, 0, 0], "those that lead go first"


def test_one_job_has_one_base_model() -> None:
    other = {"strategy": "b", "base_model": "another"}
    settings = [{"strategy": "b"}, other, {"strategy": "b"}, other]
    waiting = [row(3 + n, "search", None, state="waiting", settings=each) for n, each in enumerate(settings)]
    step = at(0.1, [*rows(0.4), *waiting])
    assert [each.number for each in step.rows] == [3, 5]


def test_what_is_measured_anew_ends_with_the_budget() -> None:
    anew = [*rows(0.4), row(3, "anew", None, state="waiting", of=1), row(4, "anew", None, state="waiting", of=2)]
    assert [each.number for each in at(0.9, anew).rows] == [3, 4]
    assert at(1.0, anew).what is Next.CONCLUDE
    assert at(1.0, rows(0.4)).what is Next.CONCLUDE
    assert at(1.0, [row(0, "defaults", None, state="waiting")]).what is Next.FAIL
    assert at(0.0, []).what is Next.BEGIN

"""A regression's scores are made true by regressions as strong as itself, not by those that were measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from labelwheel.training import encoders
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.progress import Progress
from labelwheel.training.strategies import calibration
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.shrinkage import Setting
from tests.training.strategies.test_shrinkage import frozen

SHY, SURE = Setting(0.0, 1.0), Setting(0.0, 1e-4)


def given(there: Frozen, seconds: float = 600.0) -> Materials:
    budget = Budget(time.monotonic() + seconds)
    return Materials(there.problem, object(), None, there, None, 32, 13, budget, Progress())


@pytest.fixture
def strategy(monkeypatch: pytest.MonkeyPatch) -> FrozenRegression:
    """On 120 labels, of which all parts that are measured find another strength than all of them together."""
    there = frozen((40, 40, 40), noise=1.5)

    def search(self: Frozen, indices: Sequence[int], *_: object) -> Setting:
        return SURE if len(indices) == len(self.problem) else SHY

    monkeypatch.setattr(Frozen, "search", search)
    monkeypatch.setattr(encoders, "write_head", lambda *_: None)
    return FrozenRegression(given(there))


def test_scores_are_as_sure_as_what_is_written_may_be(strategy: FrozenRegression) -> None:
    there = strategy.given.frozen
    outcome, finished = strategy.measure(), strategy.finish()
    learnt, fresh = there.fit(range(120), SURE), frozen((400, 400, 400), noise=1.5, seed=0)
    # the same directions with other noise: what comes after the labelled ones
    places = [place for place in range(1200) if place % 400 >= 40]
    logits = {place: learnt(fresh.features[place] * fresh.unit / there.unit) for place in places}
    true = calibration.fit(fresh.problem, places, logits)[TEMPERATURE]
    assert finished.calibration is not None
    assert finished.calibration[TEMPERATURE] == pytest.approx(true, rel=0.5)
    assert outcome.calibration[TEMPERATURE] < true / 5


def test_without_a_search_inside_of_parts_the_outcome_says_it(
    strategy: FrozenRegression, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(strategy.given.problem.kind), "nests", False)
    assert strategy.finish().calibration is None


def test_what_takes_too_long_is_left(strategy: FrozenRegression) -> None:
    strategy.given = replace(strategy.given, budget=Budget(-60.0))
    clock = iter(range(0, 10_000, 100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: float(next(clock)))
        assert strategy.finish().calibration is None

"""A score becomes how often items of such a score are right."""

from __future__ import annotations

import numpy as np
import pytest

from labelwheel.training.kinds.sureness import Held, Sureness, fit

HELD = Held(slope=20.0, shift=0.5)


@pytest.mark.parametrize(
    ("slope", "shift", "score", "true"),
    [
        (1.0, float(np.log(3)), 0.5, 0.75),  # odds of 1 become 3
        (0.5, 0.0, 0.8, 2 / 3),  # odds of 4 become 2
        (2.0, 0.0, 0.8, 16 / 17),
        (1.0, 0.0, 0.123, 0.123),
        (1.0, 0.0, 1.0, 1.0),
    ],
)
def test_odds_are_moved_and_stretched(slope: float, shift: float, score: float, true: float) -> None:
    assert Sureness(slope, shift)(score) == pytest.approx(true)


def test_nothing_is_certain_or_impossible_once_scores_are_true() -> None:
    assert 0 < Sureness(30.0, 9.0)(0.0) < 1e-5
    assert 1 - 1e-5 < Sureness(30.0, 9.0)(1.0) < 1


def test_scores_become_the_share_that_is_right() -> None:
    """Four in ten of those that say .2 are right, and six in ten of those that say .8."""
    scores, right = [0.2] * 1000 + [0.8] * 1000, [True] * 400 + [False] * 600 + [True] * 600 + [False] * 400
    found = fit(scores, right, HELD)
    assert found(0.2) == pytest.approx(0.4, abs=0.02)
    assert found(0.8) == pytest.approx(0.6, abs=0.02)


def test_few_items_change_little_and_fewer_nothing() -> None:
    few = fit([0.5] * 10, [True] * 10, HELD)
    many = fit([0.5] * 1000, [True] * 1000, HELD)
    assert 0.5 < few(0.5) < 0.98 < many(0.5)
    assert fit([0.5] * 9, [True] * 9, HELD) == Sureness()

"""What the simulated gates rest on: today's rule as the product has it, levels that add up, a part that is kept."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.honest.gate import NULLS, challenge, needed, power
from benchmarks.honest.rules import fixed_level, share, sign_test, spending
from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.spec import Pair


def counts(*numbers: int) -> list[np.ndarray]:
    return [np.array([number]) for number in numbers]


def pairs(won: int, lost: int, texts: int) -> list[Pair]:
    losses = [(1.0, 0.0)] * won + [(0.0, 1.0)] * lost + [(0.0, 0.0)] * (texts - won - lost)
    return [
        Pair(key=str(place), group=str(place), held_out=True, champion_loss=champion, challenger_loss=challenger)
        for place, (champion, challenger) in enumerate(losses)
    ]


@pytest.mark.parametrize(
    ("won", "lost", "texts"),
    [(3, 3, 40), (4, 3, 40), (3, 4, 40), (3, 3, 60), (3, 4, 60), (3, 5, 60), (20, 5, 200), (20, 28, 200), (5, 9, 1000)],
)
def test_today_is_the_product_s_gate(won: int, lost: int, texts: int) -> None:
    assert bool(fixed_level(*counts(won, lost, texts, 1))[0]) is compare(pairs(won, lost, texts)).passes


def test_the_sign_test_and_levels_are_those_of_the_books() -> None:
    assert sign_test(np.array([5]), np.array([0]))[0] == pytest.approx(1 / 32)
    assert sign_test(np.array([3]), np.array([1]))[0] == pytest.approx(5 / 16)
    assert share(np.arange(1, 100_000)).sum() == pytest.approx(1, abs=1e-4)
    rule = spending(0.05)
    assert [bool(rule(*counts(6, 0, 60, look))[0]) for look in (1, 2, 5)] == [True, False, False]


def test_a_better_challenger_passes_a_laxer_test_earlier() -> None:
    assert power(300, 0.05) > power(150, 0.05) > power(150, 0.01)
    assert needed(0.05) < needed(0.01)


def test_slightly_worse_challengers_walk_down_what_has_no_memory_alone() -> None:
    worse = next(null for null in NULLS if null.name == "worse by .005")
    gained, promoted = challenge(fixed_level, worse, 60, 60, 40, seed=1)
    assert (gained < -0.02).mean() > 0.9
    assert gained == pytest.approx(-0.005 * promoted)
    kept, _ = challenge(spending(0.05), worse, 60, 60, 40, seed=1)
    assert (kept < -0.02).mean() <= 0.05

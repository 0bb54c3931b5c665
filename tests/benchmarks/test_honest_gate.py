"""What the simulated gates rest on: the product's own rule, a test of the books, a way down for what has no memory."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.honest.gate import NULLS, challenge, needed, power
from benchmarks.honest.rules import alone, naive, sign_test, spending
from labelwheel.training.evaluation.comparison import compare
from labelwheel.training.evaluation.looks import LEVEL
from labelwheel.training.spec import Pair


def counts(*numbers: int) -> list[np.ndarray]:
    return [np.array([number]) for number in numbers]


def pairs(won: int, lost: int, texts: int) -> list[Pair]:
    losses = [(1.0, 0.0)] * won + [(0.0, 1.0)] * lost + [(0.0, 0.0)] * (texts - won - lost)
    return [
        Pair(key=str(place), group=str(place), held_out=True, champion_loss=champion, challenger_loss=challenger)
        for place, (champion, challenger) in enumerate(losses)
    ]


@pytest.mark.parametrize("look", [1, 2, 7])
@pytest.mark.parametrize(
    ("won", "lost", "texts"),
    [(3, 3, 40), (4, 0, 40), (5, 0, 40), (3, 4, 40), (7, 1, 60), (9, 0, 60), (20, 5, 200), (14, 4, 200), (40, 9, 1000)],
)
def test_ours_is_the_product_s_gate(won: int, lost: int, texts: int, look: int) -> None:
    found = bool(spending(LEVEL)(*counts(won, lost, texts, look))[0])
    assert found is compare(pairs(won, lost, texts), look=look).passes


def test_the_sign_test_is_that_of_the_books() -> None:
    assert sign_test(np.array([5]), np.array([0]))[()] == pytest.approx([1 / 32])
    assert sign_test(np.array([3]), np.array([1]))[()] == pytest.approx([5 / 16])


def test_a_better_challenger_passes_a_laxer_test_earlier() -> None:
    assert power(300, 0.05) > power(150, 0.05) > power(150, 0.01)
    assert needed(0.05) < needed(0.01)


@pytest.mark.parametrize("forgetful", [alone, naive])
def test_slightly_worse_challengers_walk_down_what_has_no_memory(forgetful) -> None:
    worse = next(null for null in NULLS if null.name == "worse by .005")
    gained, promoted = challenge(forgetful, worse, 60, 60, 40, seed=1)
    assert (gained < -0.02).mean() > 0.9
    assert gained == pytest.approx(-0.005 * promoted)
    kept, _ = challenge(spending(LEVEL), worse, 60, 60, 40, seed=1)
    assert (kept < -0.02).mean() <= 0.05

"""All looks at one champion spend one level; early ones, of labels that have grown, spend nothing of it."""

import numpy as np
import pytest

from labelwheel.training.evaluation.looks import DISCARDED, LEVEL, UNSPENT, allowed, has_grown


def test_all_looks_together_spend_the_level_once():
    spent = [allowed(LEVEL, look) for look in range(1, 100_001)]
    assert sum(spent) == pytest.approx(LEVEL * DISCARDED, rel=1e-3)
    assert sum(spent) < LEVEL * DISCARDED
    assert spent == sorted(spent, reverse=True)


def test_what_is_as_good_is_promoted_no_more_often_than_the_level_says():
    """Half of such challengers do better on what is seen, and only these are looks."""
    chance, runs, rounds = np.random.default_rng(0), 2_000, 60
    looks, replaced = np.ones(runs, dtype=int), np.zeros(runs, dtype=bool)
    for _ in range(rounds):
        p_value = chance.random(runs)
        replaced |= p_value <= [allowed(LEVEL, int(look)) for look in looks]
        looks += p_value <= DISCARDED
    assert 0.6 * LEVEL < replaced.mean() < LEVEL


def test_early_looks_may_take_more_and_never_less_than_others():
    assert allowed(LEVEL, UNSPENT) > allowed(LEVEL, 1)
    assert allowed(0.9, UNSPENT) == 0.9


def test_each_early_look_takes_a_fifth_more_labels():
    assert has_grown(16, 0)
    assert has_grown(20, 16)
    assert not has_grown(16, 16)
    assert not has_grown(118, 100)

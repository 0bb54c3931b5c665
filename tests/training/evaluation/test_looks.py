"""All looks at one champion spend one level; early ones, of labels that have grown, spend nothing of it."""

import pytest

from labelwheel.training.evaluation.looks import LEVEL, UNSPENT, allowed, has_grown


def test_all_looks_together_spend_the_level_once():
    spent = [allowed(LEVEL, look) for look in range(1, 100_001)]
    assert sum(spent) == pytest.approx(LEVEL, rel=1e-4)
    assert sum(spent) < LEVEL
    assert spent == sorted(spent, reverse=True)


def test_early_looks_may_take_more_and_never_less_than_others():
    assert allowed(LEVEL, UNSPENT) > allowed(LEVEL, 1)
    assert allowed(0.9, UNSPENT) == 0.9


def test_each_early_look_takes_a_fifth_more_labels():
    assert has_grown(16, 0)
    assert has_grown(20, 16)
    assert not has_grown(16, 16)
    assert not has_grown(118, 100)

"""The p value is that of the sign test where gains are of one size, exact for few, valid for many and for rare ones."""

import itertools

import numpy as np
import pytest
from scipy import stats

from labelwheel.training.evaluation.randomisation import DRAWS, p_value


@pytest.mark.parametrize(("won", "lost"), [(0, 3), (5, 0), (9, 4), (40, 20)])
def test_answers_that_are_right_or_wrong_have_a_sign_test(won, lost):
    gains = np.array([1.0] * won + [-1.0] * lost + [0.0] * 7)
    assert p_value(gains, 1) == pytest.approx(stats.binomtest(won, won + lost, alternative="greater").pvalue)


def test_nothing_that_changes_proves_nothing():
    assert p_value(np.zeros(50), 1) == 1.0


def test_all_signs_of_few_gains_are_tried():
    gains = np.array([0.5, 0.2, -0.1, 0.7, 0.05, -0.3])
    sums = [np.dot(signs, np.abs(gains)) for signs in itertools.product((1, -1), repeat=len(gains))]
    assert p_value(gains, 1) == pytest.approx(np.mean([one >= gains.sum() - 1e-12 for one in sums]))


def test_of_many_gains_draws_come_near_the_normal_tail():
    gains = np.random.default_rng(0).normal(0.12, 1.0, 300)
    z = gains.sum() / np.sqrt((gains**2).sum())
    assert p_value(gains, 1) == pytest.approx(stats.norm.sf(z), rel=0.25, abs=2 / DRAWS)


def test_what_is_rarer_than_all_draws_is_bounded():
    gains = np.random.default_rng(0).uniform(0.5, 1.0, 400)
    assert 0 < p_value(gains, 1) < 1e-20


def test_chance_is_not_taken_for_more_than_it_is():
    generator = np.random.default_rng(5)
    found = [p_value(generator.choice([-0.9, -0.2, 0.0, 0.2, 0.9], 40), 1) for _ in range(400)]
    assert np.mean(np.array(found) <= 0.05) < 0.08
    assert np.mean(np.array(found) <= 0.5) > 0.4

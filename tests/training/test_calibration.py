"""A temperature makes scores honest, and few labels never make them surer than they should be."""

import numpy as np
import pytest
from scipy.special import softmax

from labelwheel.training.evaluation import calibration


def drawn(count, scale, seed=0):
    """Logits whose softmax at temperature `scale` is exactly what the targets are drawn from."""
    generator = np.random.default_rng(seed)
    true = generator.standard_normal((count, 4)) * 2
    chances = softmax(true, axis=1)
    targets = np.array([generator.choice(4, p=row) for row in chances])
    return true * scale, targets


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(scale):
    logits, targets = drawn(4000, scale)
    found = calibration.temperature(logits, targets)
    assert found == pytest.approx(scale, rel=0.1)
    assert calibration.log_likelihood(logits / found, targets) >= calibration.log_likelihood(logits, targets)


def test_zeros_and_ones_are_fitted_with_sigmoids():
    generator = np.random.default_rng(1)
    true = generator.standard_normal((3000, 3)) * 2
    targets = (generator.random(true.shape) < 1 / (1 + np.exp(-true))).astype(int)
    assert calibration.temperature(true * 4, targets) == pytest.approx(4, rel=0.15)


def test_few_examples_that_are_all_right_do_not_make_it_certain():
    logits = np.eye(3)[[0, 1, 2]]
    assert 0.5 < calibration.temperature(logits, np.array([0, 1, 2])) < 1.0
    assert calibration.temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1.0


def test_the_error_of_honest_and_of_boasting_scores():
    generator = np.random.default_rng(2)
    sure = generator.uniform(0.5, 1.0, 5000)
    right = generator.random(5000) < sure
    assert calibration.expected_calibration_error(sure, right) < 0.03
    assert calibration.expected_calibration_error([0.99] * 100, [True] * 50 + [False] * 50) > 0.4
    assert calibration.expected_calibration_error([], []) == 0.0
    rows = calibration.reliability(sure, right)
    assert [row["confidence"] for row in rows] == sorted(row["confidence"] for row in rows)
    assert sum(row["examples"] for row in rows) == 5000

"""A fall is measured from the best score before it."""

import pytest

from benchmarks.honest.loop import fall


@pytest.mark.parametrize(
    ("scores", "farthest"),
    [([0.5, 0.6, 0.7], 0.0), ([0.7, 0.5, 0.9], 0.2), ([0.5, 0.8, 0.7, 0.75], 0.1), ([0.9, 0.8, 0.85, 0.7], 0.2)],
)
def test_a_fall_is_from_the_best_before(scores, farthest):
    assert fall(scores) == pytest.approx(farthest)

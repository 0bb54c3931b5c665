"""Holm's correction against values worked out by hand."""

from __future__ import annotations

import pytest

from labelwheel.training.evaluation.many_looks import holm


def test_each_is_multiplied_by_how_many_are_left_and_never_falls_below_a_smaller_one() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []

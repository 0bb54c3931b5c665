"""What a head reads of a text: every layer of the same weight, in the directions in which texts differ."""

from __future__ import annotations

import numpy as np
import pytest

from labelwheel.training.heads import layered
from labelwheel.training.heads.space import DIRECTIONS, Space


def rows(count: int = 7, width: int = 5, layers: int = 3) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, width * (layers + 1)))


def test_layers_are_joined_to_length_one() -> None:
    found = layered.joined(rows(), 5, layered.centre(rows(), 5))
    assert found.shape == (7, 15)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(7))


def test_a_model_that_keeps_its_layers_to_itself_has_its_last_one() -> None:
    only = rows()[:, :5]
    assert layered.joined(only, 5, layered.centre(only, 5)).shape == (7, 5)


def test_a_space_of_as_many_directions_as_there_are_loses_nothing() -> None:
    texts = rows(40)
    space = Space.of(texts, 5)
    assert space.basis.shape == (15, 15)
    joined = layered.joined(texts, 5, space.common)
    assert space.rows(texts) @ space.basis.T == pytest.approx(joined, abs=1e-5)
    wide = Space.of(rows(300, 200), 200)
    assert wide.basis.shape == (600, DIRECTIONS)

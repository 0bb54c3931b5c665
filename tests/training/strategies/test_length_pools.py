from __future__ import annotations

import numpy as np

from labelwheel.training.strategies.length_pools import POOL, LengthPools


def test_every_epoch_has_all_examples_once_in_another_order() -> None:
    pools = LengthPools(np.random.default_rng(1).integers(3, 40, 101).tolist(), 8, seed=5)
    first, second = list(pools), list(pools)
    assert sorted(first) == sorted(second) == list(range(101))
    assert first != second
    assert len(pools) == 101


def test_batches_hold_texts_of_like_length_in_no_order_of_length() -> None:
    lengths = np.random.default_rng(2).integers(3, 100, 8 * POOL * 4)
    batches = lengths[list(LengthPools(lengths.tolist(), 8, seed=5))].reshape(-1, 8)
    padded, drawn = batches.max(axis=1).sum() * 8, np.random.default_rng(3).permutation(lengths).reshape(-1, 8)
    assert padded / lengths.sum() < 1.15 < drawn.max(axis=1).sum() * 8 / lengths.sum()
    middles = np.median(batches, axis=1)
    assert (np.diff(middles) > 0).mean() < 0.7


def test_what_fills_no_batch_comes_last_and_is_drawn_from_all() -> None:
    pools = LengthPools(range(21), 4, seed=1)
    orders = [list(pools) for _ in range(20)]
    for order in orders:
        starts = [sorted(order[start : start + 4]) for start in range(0, 20, 4)]
        assert all(max(each) - min(each) <= 4 for each in starts)
    assert len({order[-1] for order in orders}) > 5


def test_fewer_examples_than_a_batch_are_one() -> None:
    assert sorted(LengthPools([5, 3, 4], 8, seed=1)) == [0, 1, 2]


def test_one_seed_gives_one_order() -> None:
    lengths = list(range(30))
    assert list(LengthPools(lengths, 4, seed=1)) == list(LengthPools(lengths, 4, seed=1))
    assert list(LengthPools(lengths, 4, seed=1)) != list(LengthPools(lengths, 4, seed=2))

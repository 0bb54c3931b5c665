"""The chain against all paths one by one, and its fit against what it was drawn from."""

from itertools import pairwise, product

import numpy as np
import pytest
from scipy import sparse
from scipy.special import logsumexp

from labelwheel.training.heads import chain_fit
from labelwheel.training.heads.chain import Layout, both_ways, log_marginals


def by_hand(scores, moves):
    length, tags = scores.shape
    paths = list(product(range(tags), repeat=length))
    weights = np.array(
        [
            sum(scores[step, tag] for step, tag in enumerate(path)) + sum(moves[a, b] for a, b in pairwise(path))
            for path in paths
        ]
    )
    total = logsumexp(weights)
    marginals, pairs = np.zeros(scores.shape), np.zeros(moves.shape)
    for path, weight in zip(paths, np.exp(weights - total), strict=True):
        for step, tag in enumerate(path):
            marginals[step, tag] += weight
        for a, b in pairwise(path):
            pairs[a, b] += weight
    return total, marginals, pairs


def test_both_ways_are_all_paths():
    rng = np.random.default_rng(0)
    lengths = [3, 1, 4, 0, 2]
    scores, moves = rng.normal(size=(sum(lengths), 3)) * 3, rng.normal(size=(3, 3)) * 2
    said = both_ways(Layout(lengths), scores, moves)
    ends = np.cumsum(lengths)
    wanted = [by_hand(scores[end - length : end], moves) for end, length in zip(ends, lengths, strict=True) if length]
    assert said.log_total == pytest.approx(sum(each[0] for each in wanted))
    np.testing.assert_allclose(said.marginals, np.concatenate([each[1] for each in wanted]))
    np.testing.assert_allclose(said.pairs, sum(each[2] for each in wanted))


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_batches_say_what_all_at_once_say(batch):
    rng = np.random.default_rng(1)
    lengths = [5, 0, 2, 7, 1]
    scores, moves = rng.normal(size=(sum(lengths), 4)), rng.normal(size=(4, 4))
    whole = both_ways(Layout(lengths), scores, moves).marginals
    np.testing.assert_allclose(np.exp(log_marginals(lengths, scores, moves, batch)), whole, atol=1e-9)


def test_extreme_scores_stay_numbers():
    scores = np.array([[1e4, -1e4], [-1e4, 1e4], [0.0, 0.0]])
    found = log_marginals([3], scores, np.array([[0.0, -1e5], [1e5, 0.0]]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0)


def test_a_fit_finds_the_tags_again():
    tags = ("O", "B-A", "I-A")
    wanted = np.array([0, 1, 2, 0, 1, 0] * 10)
    numbers = np.eye(3)[wanted] + 0.01
    weights = chain_fit.fit(sparse.csr_matrix((60, 0)), numbers, wanted, [6] * 10, tags, 50)
    found = log_marginals([6] * 10, weights.scores(sparse.csr_matrix((60, 0)), numbers), weights.moves)
    assert (found.argmax(axis=1) == wanted).all()


def test_the_slope_is_that_of_the_loss(monkeypatch):
    caught = []
    monkeypatch.setattr(
        chain_fit, "minimize", lambda loss, start, **other: caught.append((loss, start)) or type("F", (), {"x": start})
    )
    rng = np.random.default_rng(2)
    attributes, numbers = sparse.csr_matrix((rng.random((9, 4)) < 0.4).astype(float)), rng.normal(size=(9, 2))
    chain_fit.fit(attributes, numbers, rng.integers(0, 5, 9), [4, 5], ("O", "B-A", "I-A", "B-C", "I-C"), 5)
    [(loss, start)] = caught
    place, step = rng.normal(size=len(start)), 1e-5
    _, slope = loss(place)
    for direction in rng.normal(size=(5, len(start))):
        measured = (loss(place + step * direction)[0] - loss(place - step * direction)[0]) / (2 * step)
        assert measured == pytest.approx(float(slope @ direction), rel=1e-5, abs=1e-5)


def test_a_search_begins_where_it_is_told_to():
    tags, rng = ("O", "B-A", "I-A", "B-C"), np.random.default_rng(3)
    attributes, numbers = sparse.csr_matrix(rng.integers(0, 2, (12, 5)).astype(float)), rng.normal(size=(12, 2))
    wanted, lengths = rng.integers(0, 4, 12), [5, 7]
    found = chain_fit.fit(attributes, numbers, wanted, lengths, tags, 500)
    again = chain_fit.fit(attributes, numbers, wanted, lengths, tags, 1, start=found)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    in_no_time = chain_fit.fit(attributes, numbers, wanted, lengths, tags, 30, seconds=0.0)
    assert np.abs(in_no_time.moves - found.moves).max() > 1e-3

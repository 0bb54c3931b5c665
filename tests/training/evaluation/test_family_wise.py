"""Weak slices are found, and chance is not, however many slices are looked at and however they overlap."""

import numpy as np
import pytest

from labelwheel.training.evaluation import family_wise


def slices(count, examples, share, seed):
    return np.random.default_rng(seed).random((count, examples)) < share


def test_a_slice_that_is_worse_is_found_among_many():
    members = slices(60, 300, 0.1, 0)
    losses = np.where(members[7], 0.6, 0.1) > np.random.default_rng(1).random(300)
    found = family_wise.worse(losses, members, [str(place) for place in range(300)], seed=2)
    assert found.p_values[7] <= family_wise.LEVEL
    assert found.p_values.argmin() == 7
    assert found.excess[7] == pytest.approx(losses[members[7]].mean() - losses[~members[7]].mean())


def test_chance_marks_any_slice_in_about_one_of_twenty_cases():
    marked = 0
    for seed in range(100):
        members = slices(40, 150, 0.15, seed)
        losses = np.random.default_rng(1_000 + seed).random(150) < 0.2
        found = family_wise.worse(losses, members, [str(place) for place in range(150)], seed=seed)
        marked += bool((found.p_values <= family_wise.LEVEL).any())
    assert marked <= 12  # of 100 at .05; more than 12 has a chance of .001


def test_a_slice_asked_for_twice_costs_nothing():
    members = slices(1, 200, 0.2, 3)
    losses = np.where(members[0], 0.45, 0.15) > np.random.default_rng(4).random(200)
    groups = [str(place) for place in range(200)]
    once = family_wise.worse(losses, members, groups, seed=5).p_values[0]
    assert family_wise.worse(losses, np.repeat(members, 30, axis=0), groups, seed=5).p_values[0] == once


def test_copies_of_one_text_are_one_observation():
    members = np.zeros((1, 100), dtype=bool)
    members[0, :20] = True
    losses = members[0].astype(float)
    alone = family_wise.worse(losses, members, [str(place) for place in range(100)], seed=0)
    copies = family_wise.worse(losses, members, ["one"] * 20 + [str(place) for place in range(20, 100)], seed=0)
    assert alone.p_values[0] <= family_wise.LEVEL
    assert copies.p_values[0] == pytest.approx(1 / 81, abs=0.01)  # one group of 81 is wrong


def test_losses_of_two_models_are_compared_within_each():
    members = np.zeros((1, 200), dtype=bool)
    members[0, :100] = True
    losses = np.concatenate([np.random.default_rng(0).random(100) < 0.5, np.random.default_rng(1).random(100) < 0.1])
    groups, strata = [str(place) for place in range(200)], ["a"] * 100 + ["b"] * 100
    assert family_wise.worse(losses, members, groups, seed=0).p_values[0] <= family_wise.LEVEL
    assert family_wise.worse(losses, members, groups, seed=0, strata=strata).p_values[0] == 1


def test_all_and_none_are_never_worse():
    members = np.stack([np.ones(30, dtype=bool), np.zeros(30, dtype=bool)])
    found = family_wise.worse(np.arange(30) / 30, members, [str(place) for place in range(30)], seed=0)
    assert found.p_values.tolist() == [1, 1]
    assert len(family_wise.worse([], np.zeros((0, 0)), [], seed=0).p_values) == 0

"""A choice is not measured on the examples that it was made by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labelwheel.training.strategies.cross_fitting import answers
from labelwheel.training.strategies.outcome import Outcome, choose
from labelwheel.training.strategies.validation import Layout
from tests.training.strategies.test_selection import outcome, problem


def share_right(there: Outcome, said: dict[int, object]) -> float:
    rows = there.problem.rows
    return float(np.mean([said[index].answer == rows[index].answer for index in said]))  # type: ignore[attr-defined]


def test_the_luckiest_of_many_that_know_nothing_looks_no_better_than_it_is() -> None:
    chance = np.random.default_rng(5)
    in_sample, unseen = [], []
    for seed in range(20):
        there = problem(6)
        guessing = [outcome(str(n), there, np.flatnonzero(chance.random(len(there)) < 0.5).tolist()) for n in range(12)]
        in_sample.append(1 - np.mean([score.loss for score in choose(guessing).outcome.scores.values()]))
        unseen.append(share_right(guessing[0], answers(Layout(there, seed), guessing)))  # type: ignore[arg-type]
    assert np.mean(in_sample) > 0.54
    assert abs(np.mean(unseen) - 0.5) < 0.03


def test_what_is_ahead_everywhere_is_chosen_for_each_fold() -> None:
    there = problem()
    cheap, dear = outcome("cheap", there, range(30)), outcome("dear", there, range(4))
    found = answers(Layout(there, 13), [cheap, dear])
    assert list(found.values()) == [dear.whole[index] for index in found]
    assert sorted(found) == list(range(48))


def test_what_the_chosen_one_was_not_measured_on_is_left_out() -> None:
    there = problem()
    dear = outcome("dear", there, range(1))
    dear = replace(dear, indices=list(range(36)))
    assert sorted(answers(Layout(there, 13), [outcome("cheap", there, range(30)), dear])) == list(range(36))


def test_a_single_one_was_not_chosen() -> None:
    there = problem()
    alone = outcome("alone", there, range(5))
    assert answers(Layout(there, 13), [alone]) == dict(enumerate(alone.whole))
    nothing = replace(alone, indices=[], logits={})
    assert answers(Layout(there, 13), [nothing, nothing]) == {}

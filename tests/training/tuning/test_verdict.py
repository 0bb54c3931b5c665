"""A search with nothing to find must say so nine times in ten, however often it has looked; what is there is found."""

from __future__ import annotations

import numpy as np
import pytest

from labelwheel.training.tuning.verdict import LEAST_GROUPS, LEVEL, Candidate, Verdict, behind, judge

EXAMPLES, TRIALS, BEST = 150, 15, 3


def searched(seed: int, effect: float = 0.0, copies: int = 1, naive: bool = False) -> Verdict:
    """A search over settings that get the same texts wrong for the most part; measured anew, folds move some answers.

    The best three of fifteen by one measurement are measured twice more, as the tuner does. The `naive` way takes the
    best by its first measurement, as if nothing else had been looked at.
    """
    chance = np.random.default_rng(seed)
    hard = chance.beta(0.4, 1.6, EXAMPLES)
    common = (chance.random(EXAMPLES) < hard).astype(float)

    def settings() -> np.ndarray:
        own = np.where(chance.random(EXAMPLES) < 0.12, chance.random(EXAMPLES) < hard, common).astype(float)
        wrong = chance.permutation(np.flatnonzero(own))
        own[wrong[: int(effect * EXAMPLES)]] = 0.0
        return own

    def measured(truth: np.ndarray) -> np.ndarray:
        return np.where(chance.random(EXAMPLES) < 0.05, chance.random(EXAMPLES) < hard, truth).astype(float)

    def named(losses: np.ndarray) -> dict[str, float]:
        return {f"{place}.{copy}": float(loss) for place, loss in enumerate(losses) for copy in range(copies)}

    usual = np.where(chance.random(EXAMPLES) < 0.12, chance.random(EXAMPLES) < hard, common).astype(float)
    tried = [settings() for _ in range(TRIALS)]
    seen = [measured(each) for each in tried]
    first = named(measured(usual))
    order = np.argsort([each.mean() for each in seen])
    anew = [named((measured(tried[place]) + measured(tried[place])) / 2) for place in order]
    again = named((measured(usual) + measured(usual)) / 2)
    groups = {key: key.split(".")[0] for key in first}
    if naive:
        best = named(seen[int(order[0])])
        return judge(Candidate(first, first), [Candidate(best, best)], [], groups, seed)
    candidates = [Candidate(each, each) for each in anew[:BEST]]
    return judge(Candidate(again, again), candidates, [(first, named(each)) for each in seen], groups, seed)


@pytest.mark.parametrize("copies", [1, 4])
def test_where_there_is_nothing_to_find_it_says_so(copies: int) -> None:
    """Copies of a text are no more evidence than the text."""
    found = [searched(seed, copies=copies) for seed in range(100)]
    assert np.mean([each.worth for each in found]) <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / 100)
    assert np.mean([each.gain for each in found]) > 0, "the best of many looks better than it is"
    assert all("worth less than its noise" in each.reason for each in found if not each.worth)


def test_without_the_corrections_it_would_be_wrong_far_more_often() -> None:
    found = [searched(seed, naive=True) for seed in range(100)]
    assert np.mean([each.worth for each in found]) > 2.5 * LEVEL


def test_what_is_better_is_found_and_told() -> None:
    found = [searched(seed, effect=0.07) for seed in range(20)]
    assert np.mean([each.worth for each in found]) > 0.8
    one = next(each for each in found if each.worth)
    assert one.best is not None
    assert one.reason.startswith("better than the defaults by +0.")
    assert f"the best of {TRIALS} trials" in one.reason
    assert (one.groups, one.looks) == (EXAMPLES, TRIALS)
    assert one.gain > one.noise > 0
    assert one.chance <= LEVEL


def flat(loss: float, count: int = 60) -> dict[str, float]:
    return {str(number): loss * (number % 3 == 0) for number in range(count)}


def test_few_examples_nothing_in_common_and_no_candidate_are_told_apart() -> None:
    few = Candidate(flat(1.0, LEAST_GROUPS - 1), flat(1.0, LEAST_GROUPS - 1))
    better = Candidate(flat(0.1), flat(0.1))
    assert "too few to tell" in judge(few, [better], [], {}, 1).reason
    assert "no settings were measured" in judge(Candidate({"other": 1.0}, {"other": 1.0}), [better], [], {}, 1).reason
    none = judge(Candidate(flat(1.0), flat(1.0)), [], [], {}, 1)
    assert (none.worth, none.best) == (False, None)


def test_what_is_surer_and_more_often_wrong_is_not_better() -> None:
    chance = np.random.default_rng(1)
    keys = [str(number) for number in range(200)]
    usual = {key: 0.3 + 0.1 * chance.random() for key in keys}
    surer = {key: loss - 0.05 for key, loss in usual.items()}
    found = judge(Candidate(usual, flat(1.0, 200)), [Candidate(surer, flat(1.5, 200))], [(usual, surer)], {}, 1)
    assert not found.worth
    assert "answers more of them wrongly" in found.reason


def test_what_is_plainly_worse_is_behind_and_what_may_be_luck_is_not() -> None:
    usual, worse = flat(0.5), flat(1.0)
    assert behind(usual, worse, {})
    assert not behind(worse, usual, {})
    assert not behind(usual, usual, {})
    assert not behind(usual, {**usual, "0": 1.0}, {}), "one answer"
    assert not behind(usual, worse, dict.fromkeys(usual, "all copies of one")), "one text"
    assert not behind(usual, {"another": 1.0}, {})


def test_the_same_losses_are_no_gain() -> None:
    same = Candidate(flat(1.0), flat(1.0))
    found = judge(same, [same], [(same.losses, same.losses)], {}, 1)
    assert (found.worth, found.gain) == (False, 0.0)

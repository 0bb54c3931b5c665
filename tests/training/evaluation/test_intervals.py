"""Intervals hold what they claim to hold, count groups instead of copies, and never claim certainty."""

import numpy as np
import pytest

from labelwheel.training.evaluation import intervals
from labelwheel.training.kinds.base import Score
from labelwheel.training.spec import Unit


class Scored:
    """Only what the intervals need of a kind."""

    def __init__(self, headline):
        self.headline = headline


def mean(scores):
    return 1 - sum(score.loss for score in scores) / len(scores)


def micro(scores):
    units = [unit for score in scores for unit in score.units.values()]
    hits = sum(unit.true_positives for unit in units)
    return 2 * hits / sum(2 * u.true_positives + u.false_positives + u.false_negatives for u in units)


def right(label):
    return Score(0.0, {label: Unit(true_positives=1)})


def wrong(gold, predicted):
    return Score(1.0, {gold: Unit(false_negatives=1), predicted: Unit(false_positives=1)})


SCORES = [right("a")] * 60 + [wrong("a", "b")] * 15 + [right("b")] * 20 + [wrong("b", "a")] * 5
NAMES = [str(number) for number in range(100)]


@pytest.mark.parametrize("metric", [mean, micro, lambda scores: mean(scores) ** 2])
def test_the_interval_surrounds_the_headline(metric):
    found = intervals.headline(Scored(metric), SCORES, NAMES, seed=1)
    assert found.value == pytest.approx(metric(SCORES))
    assert found.low < found.value < found.high
    assert 0.1 < found.high - found.low < 0.3
    assert found == intervals.headline(Scored(metric), SCORES, NAMES, seed=1)


def test_copies_in_one_group_count_once():
    alone = intervals.headline(Scored(mean), SCORES, NAMES, seed=1)
    tenfold = intervals.headline(Scored(mean), SCORES * 10, NAMES * 10, seed=1)
    assert tenfold == alone


def test_a_perfect_score_is_not_certain():
    found = intervals.headline(Scored(mean), [right("a")] * 20, NAMES[:20], seed=1)
    assert found.value == found.high == 1.0
    assert found.low == pytest.approx(20 / (20 + 1.96**2), abs=1e-3)


def test_nothing_to_measure_is_an_error():
    with pytest.raises(ValueError, match="nothing to measure"):
        intervals.headline(Scored(mean), [], [], seed=1)


def test_coverage_of_the_score_is_about_what_it_claims():
    generator = np.random.default_rng(5)
    covered = 0
    for run in range(200):
        columns = np.stack([np.ones(60), generator.random(60) < 0.85], axis=1)
        found = intervals.bca(columns, intervals.mean_score, seed=run, level=0.9, resamples=500)
        covered += found.low <= 0.85 <= found.high
    assert 0.84 < covered / 200 < 0.96


def test_few_groups_widen_the_tails():
    few, many = intervals.tails(5, 0.9)[0], intervals.tails(5000, 0.9)[0]
    assert few < many < 0.0501
    assert many == pytest.approx(0.05, abs=1e-3)
    assert intervals.tails(1, 0.9) == (0.0, 1.0)


def test_macro_f1_leaves_out_what_does_not_occur():
    columns = intervals.score_columns([right("a"), wrong("a", "b")], ["a", "b", "never"])
    assert intervals.macro_f1(columns.sum(0, keepdims=True))[0] == pytest.approx((2 / 3 + 0) / 2)


def test_nothing_to_find_and_nothing_found_is_perfect():
    assert intervals.f1(np.zeros(1), np.zeros(1), np.zeros(1))[0] == 1.0


def test_many_groups_are_drawn_in_pieces(monkeypatch):
    whole = intervals.headline(Scored(mean), SCORES, NAMES, seed=1)
    monkeypatch.setattr(intervals, "_CHUNK", 700)
    assert intervals.headline(Scored(mean), SCORES, NAMES, seed=1).value == whole.value


def test_each_class_has_intervals_of_its_own():
    found = intervals.by_class(SCORES, NAMES, seed=1)
    # a: 60 hits, 15 missed, 5 false; b: 20 hits, 5 missed, 15 false
    values = {"a": (60 / 65, 60 / 75, 120 / 140), "b": (20 / 35, 20 / 25, 40 / 60)}
    for label, expected in values.items():
        for name, value in zip(("precision", "recall", "f1"), expected, strict=True):
            low, high = found[label][name]
            assert low < value < high, (label, name)
    # the normal approximation of a share: 20 of 35, give or take 1.96 of its deviations
    low, high = found["b"]["precision"]
    assert (high - low) / 2 == pytest.approx(1.96 * (values["b"][0] * (1 - values["b"][0]) / 35) ** 0.5, rel=0.15)
    copies = intervals.by_class(SCORES * 10, NAMES * 10, seed=1)
    assert copies["b"]["f1"] == pytest.approx(found["b"]["f1"])


def test_a_class_that_was_always_right_is_not_certain():
    found = intervals.by_class([right("a")] * 20, NAMES[:20], seed=1)["a"]
    assert found["precision"] == found["recall"] == pytest.approx((20 / (20 + 1.96**2), 1.0), abs=1e-3)


def test_of_what_was_never_said_there_is_no_precision():
    found = intervals.by_class([wrong("a", "b")] * 5, NAMES[:5], seed=1)
    assert set(found["a"]) == {"recall", "f1"}
    assert intervals.by_class([], [], seed=1) == {}

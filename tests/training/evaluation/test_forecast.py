"""How many labels a score takes: near where curves are simple, open where they rest, silent where little is known."""

from __future__ import annotations

import re

import numpy as np
import pytest

from labelwheel.training.evaluation.forecast import MOST, Point, _advice, forecast
from labelwheel.training.evaluation.forecast import curve as curve_of

COUNTS = (16, 32, 64, 128, 256)


def power(labels: float, end: float = 0.05) -> float:
    return 1 - (end + 0.6 * (1 + labels / 20) ** -0.7)


def points(curve=power, counts=COUNTS, error: float = 0.01) -> list[Point]:
    return [Point(count, curve(count), error) for count in counts]


@pytest.mark.parametrize("target", [0.86, 0.88, 0.9])
def test_a_plain_curve_is_followed_beyond_its_points(target: float) -> None:
    truth = 20 * ((0.6 / (1 - target - 0.05)) ** (1 / 0.7) - 1)
    assert truth > COUNTS[-1]
    found = forecast(points(), target).needed
    assert found is not None
    assert found.low is not None
    assert found.median is not None
    assert found.low <= truth <= (found.high or MOST)
    assert found.median == pytest.approx(truth, rel=0.4)


def test_what_is_reached_is_called_that() -> None:
    found = forecast(points(), 0.6)
    assert found.reached
    assert "is reached" in found.reason
    assert found.needed is not None
    assert found.needed.median == pytest.approx(20 * ((0.6 / 0.35) ** (1 / 0.7) - 1), rel=0.3)


@pytest.mark.parametrize("target", [0.86, 0.88, 0.9, 0.93])
def test_an_estimate_is_told_with_two_digits(target: float) -> None:
    found = forecast(points(), target)
    told = re.match(r"about ([\d,]+) labels more", found.reason)
    assert told
    assert len(told[1].replace(",", "").rstrip("0")) <= 2
    assert found.needed is not None
    assert int(told[1].replace(",", "")) == pytest.approx(found.needed.median - COUNTS[-1], rel=0.05)


@pytest.mark.parametrize(
    ("needed", "said"), [((300, 800, 2000), "(200 to 1,900, "), ((90, 800, None), "(none to out of reach, ")]
)
def test_how_sure_it_is_is_said_beside_the_number(needed: tuple[int, int, int | None], said: str) -> None:
    assert said in _advice(0.9, 100, needed, 100, (0.0, 0.1, 0.2))


def test_a_curve_that_has_come_to_rest_does_not_get_there() -> None:
    found = forecast([Point(count, 0.7, 0.01) for count in (0, 50, 100, 200, 400)], 0.95)
    assert found.needed is not None
    assert found.needed.median is None
    assert "out of reach" in found.reason
    assert found.gain is not None
    assert abs(found.gain[0]) < 0.02


def test_rough_scores_have_a_wide_interval() -> None:
    def width(error: float) -> float:
        needed = forecast(points(error=error), 0.85).needed
        assert needed is not None
        return float(np.log((needed.high or MOST) / max(needed.low or 1, 1)))

    assert width(0.06) > width(0.01)


def test_what_the_next_labels_bring_is_what_they_do() -> None:
    found = forecast(points(), 0.9, more=256)
    assert found.gain is not None
    likely, low, high = found.gain
    assert low <= power(512) - power(256) <= high
    assert low <= likely <= high


@pytest.mark.parametrize(
    "known", [[], points()[:2], points(counts=(10, 20, 40)), [Point(64, score, 0.1) for score in (0.5, 0.6, 0.7)]]
)
def test_nothing_is_said_before_it_can_be(known: list[Point]) -> None:
    found = forecast(known, 0.9)
    assert (found.needed, found.gain, found.reached) == (None, None, False)
    assert "before anything can be said" in found.reason


def test_scores_in_another_order_say_the_same() -> None:
    assert forecast(points()[::-1], 0.9) == forecast(points(), 0.9)


def test_the_curve_goes_near_the_points_and_on_as_forecast_says() -> None:
    measured = points()
    found = curve_of(measured, [*COUNTS, 356])
    for each in found[:-1]:
        assert each.low <= each.score <= each.high
        assert each.score == pytest.approx(power(each.labels), abs=0.03)
    gain = forecast(measured, 0.9, more=100).gain
    assert gain is not None
    assert found[-1].score - found[-2].score == pytest.approx(gain[0], abs=0.01)
    assert curve_of(measured[:2], [100]) == []


def test_labels_since_the_last_score_are_not_counted_as_still_to_come() -> None:
    known = points(counts=(16, 32, 64, 128))
    late, early = forecast(known, 0.86, labels=256), forecast(known, 0.86)
    assert late.needed == early.needed
    assert (late.labels, early.labels) == (256, 128)
    assert late.gain is not None
    assert early.gain is not None
    assert late.gain[0] < early.gain[0]
    few = points(counts=(8, 16, 45))
    assert forecast(few, 0.9).needed is None
    assert forecast(few, 0.9, labels=50).needed is not None
    assert not curve_of(few, [100])
    assert curve_of(few, [100], labels=50)

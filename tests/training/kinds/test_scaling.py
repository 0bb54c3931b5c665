"""A temperature that labels out of fold ask for, held to what is usual while they are few."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.choices import SHIFT, SLOPE
from labelwheel.training.kinds.objectives import Softmax
from labelwheel.training.kinds.scaling import temperature
from labelwheel.training.kinds.sureness import Sureness
from labelwheel.training.questions import Example, Kind, Option, Question

OPTIONS = tuple(Option(value=value) for value in "abcd")


def sure(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits that say .9 of two classes, and that are right three times of four."""
    return np.tile([math.log(9), 0.0], (count, 1)), np.array([0, 0, 0, 1] * (count // 4))


def test_labels_alone_say_it_where_nothing_is_usual() -> None:
    for count in (8, 4000):
        assert temperature(Softmax(), *sure(count)) == pytest.approx(2.0, rel=0.02)  # odds of 9 become 3


def test_few_labels_move_a_usual_temperature_a_little_and_many_all_the_way() -> None:
    few, some, many = (temperature(Softmax(), *sure(count), usual=1.0) for count in (8, 80, 4000))
    assert 1.0 < few < 1.3 < some < 1.9 < many < 2.02
    assert temperature(Softmax(), *sure(8), usual=4.0) > 3.0


def drawn(slope: float, shift: float, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of options, and which are right: likely ones by other odds than all of them together."""
    chance = np.random.default_rng(3)
    logits = chance.normal(-2.0, 2.0, (count, len(OPTIONS)))
    true = np.where(logits > -1.5, slope * logits + shift, logits)
    return logits, (chance.random(logits.shape) < 1 / (1 + np.exp(-true))).astype(np.float32)


@pytest.mark.parametrize(("slope", "shift"), [(0.5, -0.5), (1.2, 0.8)])
def test_options_that_are_answered_have_their_own_sureness(slope: float, shift: float) -> None:
    asked = Question(name="q", kind=Kind.CHOICES, inputs=("text",), options=OPTIONS)
    kind = kind_of(asked)
    logits, targets = drawn(slope, shift)
    calibration = kind.calibrate(logits, targets, 1.0)
    examples = [Example(key=str(place), fields={}) for place in range(len(logits))]
    rows = [Encoding(example=place, input_ids=[1]) for place in range(len(logits))]
    id2label = kind.config(asked)["id2label"]
    said = kind.decode(asked, examples, rows, list(logits), id2label, calibration)
    plain = {key: value for key, value in calibration.items() if key not in (SLOPE, SHIFT)}
    before = kind.decode(asked, examples, rows, list(logits), id2label, plain)
    assert [one.answer for one in said] == [one.answer for one in before]
    right = [targets[place, "abcd".index(item)] for place, one in enumerate(said) for item in one.answer]
    scores, old = (np.array([score for one in way for score in one.item_scores]) for way in (said, before))
    likely, unlikely = old >= np.median(old), old < np.median(old)
    for part in (likely, unlikely):
        assert scores[part].mean() == pytest.approx(np.mean(np.asarray(right)[part]), abs=0.03)
    assert max(abs(old[part].mean() - np.mean(np.asarray(right)[part])) for part in (likely, unlikely)) > 0.04


def test_the_sureness_of_few_options_changes_little() -> None:
    asked = Question(name="q", kind=Kind.CHOICES, inputs=("text",), options=OPTIONS)
    logits, targets = drawn(0.5, -0.5, count=8)
    calibration = kind_of(asked).calibrate(logits, targets, 1.0)
    assert Sureness(calibration[SLOPE], calibration[SHIFT])(0.5) == pytest.approx(0.5, abs=0.15)

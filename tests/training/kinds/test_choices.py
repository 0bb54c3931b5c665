"""The scores of options that are answered are true, whatever those of all others are."""

from __future__ import annotations

import numpy as np
import pytest

from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.choices import SHIFT, SLOPE
from labelwheel.training.kinds.sureness import Sureness
from labelwheel.training.questions import Example, Kind, Option, Question

OPTIONS = tuple(Option(value=value) for value in "abcd")


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

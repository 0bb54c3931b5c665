"""The verdicts name what the curve shows, with its numbers."""

import pytest

from labelwheel.training.evaluation.curves import learning_outlook, training_verdict
from labelwheel.training.evaluation.findings import CurvePoint, Epoch
from labelwheel.training.evaluation.forecast import Point, forecast


def curve(train, validation):
    return [
        Epoch(epoch=number + 1, train_loss=one, validation_loss=other)
        for number, (one, other) in enumerate(zip(train, validation, strict=True))
    ]


@pytest.mark.parametrize(
    ("train", "validation", "verdict", "said"),
    [
        ([1.0, 0.5, 0.1, 0.01], [1.0, 0.6, 0.7, 0.9], "overfitting", "epoch 2 (0.600) and rose by 50% to 0.900"),
        ([1.0, 0.8, 0.6], [1.0, 0.85, 0.7], "underfitting", "took 18% off the validation loss (0.700)"),
        ([1.0, 0.5, 0.45], [1.0, 0.6, 0.6], "sound", "ended at 0.600"),
        ([1.0], [1.0], "unknown", "fewer than two"),
    ],
)
def test_the_training_curve_is_judged(train, validation, verdict, said):
    found = training_verdict(curve(train, validation))
    assert found["verdict"] == verdict
    assert said in found["reason"]


def test_a_curve_without_validation_is_not_judged():
    assert training_verdict([Epoch(epoch=1, train_loss=1.0)] * 3)["verdict"] == "unknown"


def points(*rows, width=0.02):
    return [CurvePoint(labels=n, score=s, low=s - width, high=s + width) for n, s in rows]


def test_the_learning_curve_goes_on_as_the_forecast_has_it():
    known = points((50, 0.5), (100, 0.6), (200, 0.7), (400, 0.8))
    found = learning_outlook(known, more=400)
    told = forecast([Point.of(each.labels, each.score, each.low, each.high) for each in known], 1.0, more=400)
    assert found["gain"] == told.gain[0] == pytest.approx(0.07, abs=0.04)
    assert f"{told.gain[1]:+.3f} to {told.gain[2]:+.3f}" in found["summary"]
    later = learning_outlook(known, labels=800, more=400)
    assert 0 < later["gain"] < found["gain"]


def test_a_learning_curve_of_next_to_nothing_promises_nothing():
    for few in (points(), points((10, 0.5), (20, 0.6), (40, 0.7)), points((100, 0.5), (200, 0.6))):
        found = learning_outlook(few)
        assert found["gain"] is None
        assert "before anything can be said" in found["summary"]

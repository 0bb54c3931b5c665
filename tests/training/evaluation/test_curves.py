"""The verdicts name what the curve shows, with its numbers."""

import pytest

from labelwheel.training.evaluation.curves import learning_outlook, training_verdict
from labelwheel.training.evaluation.findings import CurvePoint, Epoch


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


def test_the_learning_curve_is_carried_on_with_care():
    found = learning_outlook(points((100, 0.6), (200, 0.7), (400, 0.8)), more=400)
    assert found["gain"] == pytest.approx(0.1, abs=0.01)
    assert "care" not in found["summary"]
    wide = learning_outlook(points((100, 0.6), (200, 0.7), (400, 0.8), width=0.2), more=400)
    assert "care" in wide["summary"]


def test_more_labels_never_promise_more_than_perfection_or_a_loss():
    assert learning_outlook(points((10, 0.5), (20, 0.97)))["gain"] <= 0.03 + 1e-9
    assert learning_outlook(points((10, 0.9), (20, 0.8)))["gain"] == 0.0
    assert learning_outlook(points((10, 0.9)))["gain"] is None
    assert learning_outlook(points((10, 0.9), (10, 0.8)))["gain"] is None

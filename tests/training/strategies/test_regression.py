from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from labelwheel.training.kinds.objectives import IGNORED, Sigmoid, Softmax, Squared, class_weights
from labelwheel.training.strategies.regression import Head, fit

RNG = np.random.default_rng(0)


def unit(rows: int, width: int) -> np.ndarray:
    found = RNG.normal(size=(rows, width))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def zero(classes: int, width: int) -> Head:
    return Head(np.zeros((classes, width)), np.zeros(classes))


@pytest.mark.parametrize("objective", [Softmax(), Sigmoid(), Squared()])
def test_gradients_are_the_slopes_of_the_losses(objective: Softmax | Sigmoid | Squared) -> None:
    logits = RNG.normal(size=(4, 3))
    targets = np.array([0, 2, 1, 1]) if isinstance(objective, Softmax) else RNG.integers(0, 2, size=(4, 3)) * 1.0
    _, slopes = objective.gradient(logits, targets)
    for row in range(4):
        for column in range(3):
            step = np.zeros_like(logits)
            step[row, column] = 1e-6
            above, below = (objective.gradient(logits + sign * step, targets)[0].sum() for sign in (1, -1))
            assert slopes[row, column] == pytest.approx((above - below) / 2e-6, abs=1e-5)


@pytest.mark.parametrize("rows", [30, 120])  # fewer and more rows than features: both ways to solve it
def test_without_a_prior_it_is_plain_logistic_regression(rows: int) -> None:
    features, targets = unit(rows, 60), RNG.integers(0, 3, size=rows)
    ours = fit(Softmax(), features, targets, zero(3, 60), 0.01, bias=None, iterations=2000)
    theirs = LogisticRegression(C=1 / (0.01 * rows), fit_intercept=False, tol=1e-8, max_iter=5000)
    theirs.fit(features, targets)
    assert ours(features) == pytest.approx(theirs.decision_function(features), abs=0.02)


def test_the_prior_has_its_say_until_labels_outweigh_it() -> None:
    prior = Head(np.eye(3, 20) * 10, np.zeros(3))
    features = np.vstack([np.eye(3, 20)] * 5)
    against = np.tile([1, 2, 0], 5)  # people answer otherwise than the names say
    held = fit(Softmax(), features, against, prior, 10.0)
    earned = fit(Softmax(), features, against, prior, 1e-3)
    assert held(features).argmax(1).tolist() == np.tile([0, 1, 2], 5).tolist()
    assert earned(features).argmax(1).tolist() == against.tolist()


def test_a_class_that_nobody_used_keeps_what_its_name_says() -> None:
    prior = Head(np.eye(3, 20) * 10, np.zeros(3))
    features, targets = np.vstack([np.eye(3, 20)[:2]] * 5), np.tile([0, 1], 5)
    head = fit(Softmax(), features, targets, prior, 1e-3, pinned=np.array([False, False, True]))
    assert head.weight[2].tolist() == prior.weight[2].tolist()
    assert head(np.eye(3, 20)).argmax(1).tolist() == [0, 1, 2]


def test_rare_classes_weigh_more_but_not_as_much_as_all_others_together() -> None:
    weights = class_weights([np.array([0] * 90 + [1] * 10 + [IGNORED] * 50)], 3)
    assert weights[1] / weights[0] == pytest.approx(3.0)
    assert weights[2] == 0
    assert 0.9 * weights[0] + 0.1 * weights[1] == pytest.approx(1.0)


def test_labels_of_some_classes_say_nothing_against_the_others() -> None:
    prior = Head(np.eye(3, 20) * 4, np.zeros(3))
    features = unit(30, 20)
    features[:, 2] = 0.0  # nothing about the third class in any labelled text
    targets = features[:, :2].argmax(1)
    head = fit(Softmax(), features, targets, prior, 1e-3, pinned=np.array([False, False, True]))
    about = np.eye(3, 20)[2:] + 0.5 * np.eye(3, 20)[:1]
    assert head(about).argmax(1).tolist() == [2]


def test_a_class_without_examples_is_left_out_of_the_loss_where_names_speak_for_it() -> None:
    logits = torch.tensor([[1.0, 0.0, 9.0]], requires_grad=True)
    weights = torch.tensor([1.0, 1.0, 0.0])
    Softmax(names=True).torch_loss(logits, torch.tensor([0]), weights).backward()
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0.0
    expected = torch.softmax(torch.tensor([1.0, 0.0]), 0) - torch.tensor([1.0, 0.0])
    assert logits.grad[0, :2].tolist() == pytest.approx(expected.tolist())
    kept = Softmax().torch_loss(logits, torch.tensor([0]), weights)
    assert kept > 5, "a rating has no name: none of its classes is left out"

"""The loss of labels and of what a larger model says, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax

from labelwheel.training.kinds.objectives import Objective, Sigmoid, Softmax, Squared
from labelwheel.training.strategies.soft_targets import TEMPERATURE, SoftTargets

CHANCE = np.random.default_rng(3)
LOGITS, SAID = CHANCE.normal(size=(4, 3)), 3 * CHANCE.normal(size=(4, 3))
T = TEMPERATURE


def loss(own: Objective, weights: np.ndarray | None, rows: list[np.ndarray], width: int, logits: Any) -> float:
    labels = torch.as_tensor(np.stack(rows), dtype=torch.float32)
    found = SoftTargets(own, weights, width, 1.5).torch_loss(torch.as_tensor(logits), labels, None)
    return float(found) / labels.shape[1]


def test_a_choice_has_cross_entropy_on_labels_and_divergence_on_what_was_said() -> None:
    weights = np.array([2.0, 1.0, 0.0])  # nobody has used the third class yet
    rows = [
        np.array([1, 0, 1, 0, 0, 0], dtype=float),  # labelled alone
        np.array([1, 1, 0, *SAID[1]]),  # both
        np.array([0, 1, 0, *SAID[2]]),
        np.array([0, 1, 0, *SAID[3]]),
    ]
    hard = sum(-weights[number] * log_softmax(LOGITS[place, :2])[number] for place, number in ((0, 1), (1, 0)))
    soft = 0.0
    for place in (1, 2, 3):
        wanted = softmax(SAID[place] / T)
        soft += T**2 * float((wanted * (np.log(wanted) - log_softmax(LOGITS[place] / T))).sum())
    found = loss(Softmax(names=True), weights, rows, 1, LOGITS)
    assert found == pytest.approx(1.5 * hard + soft, rel=1e-5)


def test_each_of_several_labels_is_compared_by_itself() -> None:
    own = np.array([1.0, 0.0, 1.0])
    rows = [np.concatenate([[1, 1], own, SAID[0]]), np.concatenate([[0, 1], np.zeros(3), SAID[1]])]
    hard = float((np.logaddexp(0, LOGITS[0]) - own * LOGITS[0]).sum())
    soft = sum(
        T**2 * float((np.logaddexp(0, LOGITS[place] / T) - expit(SAID[place] / T) * LOGITS[place] / T).sum())
        for place in (0, 1)
    )
    assert loss(Sigmoid(), np.ones(3), rows, 3, LOGITS[:2]) == pytest.approx(1.5 * hard + soft, rel=1e-5)


def test_a_number_is_compared_by_its_square() -> None:
    rows = [np.array([1, 0, 0.5, 0]), np.array([0, 1, 0, 2.0])]
    logits = np.array([[0.1], [1.0]])
    assert loss(Squared(), None, rows, 1, logits) == pytest.approx(1.5 * 0.16 + 1.0, rel=1e-5)


def test_what_says_the_same_has_no_slope() -> None:
    logits = torch.tensor(SAID, requires_grad=True)
    Softmax().soft_loss(logits, torch.as_tensor(SAID), T).backward()
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 1e-6


def test_nothing_is_measured_on_them() -> None:
    soft = SoftTargets(Softmax(), None, 1, 1.0)
    with pytest.raises(TypeError, match="nothing is measured"):
        soft.losses(LOGITS, SAID)
    with pytest.raises(TypeError, match="a regression learns from labels"):
        soft.gradient(LOGITS, SAID)

"""From which probability on labels are answered: chance on few labels is not taken for more than it is."""

from __future__ import annotations

import numpy as np

from labelwheel.training.kinds.scaling import threshold

LABELS = 8


def drawn(rows: int, seed: int, true_by: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of labels, most of them small, and what was right, which is `true_by` times as likely."""
    chance = np.random.default_rng(seed)
    probabilities = chance.beta(0.3, 1.8, size=(rows, LABELS))
    return probabilities, (chance.random((rows, LABELS)) < true_by * probabilities).astype(float)


def test_few_labels_find_about_the_threshold_of_many() -> None:
    best = threshold(*drawn(50_000, 0))
    apart = [abs(threshold(*drawn(12, seed)) - best) for seed in range(1, 61)]
    assert np.mean(apart) < 0.06


def test_many_labels_that_say_otherwise_are_believed() -> None:
    """Probabilities that are twice as high as they should be."""
    probabilities, targets = drawn(50_000, 0, true_by=0.5)
    edges = np.linspace(0.1, 0.7, 25)
    f1 = [
        2 * ((probabilities >= edge) * targets).sum() / ((probabilities >= edge).sum() + targets.sum())
        for edge in edges
    ]
    assert abs(threshold(probabilities, targets) - edges[int(np.argmax(f1))]) < 0.03

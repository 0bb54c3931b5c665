"""How far people agree beyond chance: Krippendorff's alpha of all of them, and kappa of each two.

Alpha is 1 - observed / expected disagreement over all pairs of answers to the same unit; it takes any number of
annotators, answers that are missing, and any distance (Krippendorff 2011, "Computing Krippendorff's Alpha-
Reliability"). `nltk` computes the same, one pair of values after the other; here it is a sum over examples, so that a
thousand bootstrap resamples of whole groups of near-duplicates are one matrix product.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.evaluation.distances import Distances, distances
from labelwheel.training.evaluation.intervals import group_sums, resampled, tails
from labelwheel.training.kinds.coding import Distance, Unit

RESAMPLES = 1000
SEED = 13


class Agreed(NamedTuple):
    """An agreement with its 95 % interval; 1 is all, 0 what chance brings."""

    value: float
    low: float
    high: float


def alpha(examples: Sequence[Sequence[Unit]], distance: Distance, groups: Sequence[str]) -> Agreed | None:
    """Krippendorff's alpha of the units of each example; None where there is nothing to tell apart.

    `groups` names each example's group of near-duplicates. Resamples keep the ordinal distances of all answers.
    Where nobody ever disagrees a bootstrap would claim certainty: the low end is then the alpha that there would be
    if as many examples were answered by chance as may well be without one being met (3 of their number).
    """
    sums, apart = _sums(examples, distance)
    if apart is None:
        return None
    value = float(_alpha(sums.sum(0, keepdims=True), apart)[0])
    if np.isnan(value):
        return None
    totals = group_sums(groups, sums)
    if not sums[:, 0].any():
        return Agreed(value, max(0.0, 1.0 - 3.0 / len(totals)), 1.0)
    drawn = resampled(totals, lambda drawn: _alpha(drawn, apart), seed=SEED, resamples=RESAMPLES)
    low, high = np.nanquantile(drawn, tails(len(totals), 0.95))
    return Agreed(value, min(float(low), value), max(float(high), value))


def by_example(examples: Sequence[Sequence[Unit]], distance: Distance) -> np.ndarray:
    """How far people agree on each example, (examples,): 1 is all, 0 what chance brings."""
    sums, apart = _sums(examples, distance)
    if apart is None:
        return np.ones(len(examples))
    counts, answers = sums[:, 2:].sum(0), sums[:, 1].sum()
    expected = float(apart.total(counts, counts)) / (answers * (answers - 1))
    if expected <= 1e-12:
        return np.ones(len(examples))
    return np.asarray(1.0 - sums[:, 0] / np.maximum(sums[:, 1], 1e-12) / expected)


def kappa(units: Sequence[Unit], distance: Distance) -> float | None:
    """Cohen's kappa of two people, weighted by a distance; None where both always say the same one thing.

    `units` have a value of each. Ratings are weighted by their squared difference, which is what a quadratic kappa is.
    """
    if distance is Distance.ORDINAL:
        distance = Distance.INTERVAL
    codes, values = _numbered([units])
    if not values:
        return None
    counts = np.zeros((2, len(values)))
    for each, size in codes[0]:
        counts[[0, 1], each] += size
    apart = distances(distance, values, counts.sum(0))
    observed = sum(float(apart.between(each[:1], each[1:])[0]) * size for each, size in codes[0])
    expected = float(apart.total(counts[0], counts[1])) / counts[0].sum()
    return 1.0 - observed / expected if expected > 1e-12 else None


def _sums(examples: Sequence[Sequence[Unit]], distance: Distance) -> tuple[np.ndarray, Distances | None]:
    """A row of each example, (disagreement, answers, how often each value), and the distances of the values."""
    codes, values = _numbered(examples)
    sums = np.zeros((len(examples), 2 + len(values)))
    for row, units in zip(sums, codes, strict=True):
        for each, size in units:
            row[1] += size * len(each)
            np.add.at(row, 2 + each, size)
    if not values:
        return sums, None
    apart = distances(distance, values, sums[:, 2:].sum(0))
    for row, units in zip(sums, codes, strict=True):
        row[0] = sum(_within(apart, each) * size for each, size in units)
    return sums, apart


def _numbered(
    examples: Sequence[Sequence[Unit]],
) -> tuple[list[list[tuple[np.ndarray, float]]], list[Hashable]]:
    """The units that two people or more have judged, with values as numbers, and the values."""
    numbers: dict[Hashable, int] = {}
    codes = [
        [
            (np.array([numbers.setdefault(value, len(numbers)) for value in unit.values]), unit.size)
            for unit in units
            if len(unit.values) > 1
        ]
        for units in examples
    ]
    return codes, list(numbers)


def _within(apart: Distances, values: np.ndarray) -> float:
    """The disagreement inside of a unit: over all ordered pairs, each value against the mean of the others."""
    some, others = np.triu_indices(len(values), 1)
    return 2 * float(apart.between(values[some], values[others]).sum()) / (len(values) - 1)


def _alpha(sums: np.ndarray, apart: Distances) -> np.ndarray:
    """From rows of (disagreement, answers, how often each value) to alpha; not a number where all values are one."""
    observed, answers, counts = sums[:, 0], sums[:, 1], sums[:, 2:]
    expected = apart.total(counts, counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = 1.0 - (answers - 1) * observed / expected
    return np.where(expected > 1e-12, value, np.nan)

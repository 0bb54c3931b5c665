"""Which of many slices of the examples are worse than the rest, with one level for all of them together.

A permutation test: if a slice were as good as the rest, losses could as well stand with other examples. The largest of
all slices' standardised differences is held against its own distribution over permutations, then the second largest
against that of those that are left, and so on (step-down maxT: Westfall and Young 1993). Like Holm's, it bounds the
chance that any slice at all is marked wrongly, which is what a reader of marks needs: each will be acted on, and
Benjamini and Hochberg's would let one in twenty of them be for nothing. Unlike Holm's it knows how much slices overlap:
clusters of several sizes are nested, and there is no price for asking about one text twice.

Near-duplicates count as one observation. Losses that two models made (`strata`) are compared within each model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.05
"""Of all slices together."""

DRAWS = 1_999
_CHUNK = 4_000_000  # losses held at once: 32 MB


class Verdicts(NamedTuple):
    """By slice, (slices,): the `excess` of its mean loss over the rest's, in `deviations` too; corrected chances."""

    excess: np.ndarray
    deviations: np.ndarray
    p_values: np.ndarray


def worse(
    losses: Sequence[float] | np.ndarray,
    members: np.ndarray,
    groups: Sequence[str],
    *,
    seed: int,
    strata: Sequence[str] | None = None,
) -> Verdicts:
    """Tests `members` (slices, examples), true where an example is in a slice, against all examples that are not.

    A slice that has all or none of the examples is never worse: its p value is 1.
    """
    members = np.asarray(members, dtype=np.float64)
    if not members.size:
        nothing = np.zeros(len(members))
        return Verdicts(nothing, nothing, np.ones(len(members)))
    values = np.asarray(losses, dtype=np.float64)
    excess = _excess(values, members)
    codes, shares, means, layer = _by_group(values, members, groups, strata)
    for code in range(codes):
        here = layer == code
        means[here] -= means[here].mean()
        shares[:, here] -= shares[:, here].mean(1, keepdims=True)
    spread = np.sqrt(_spread(means, shares, layer, codes))
    usable = spread > 1e-12
    shares = np.divide(shares, spread[:, None], out=np.zeros_like(shares), where=usable[:, None])
    found = np.where(usable, shares @ means, 0.0)
    return Verdicts(excess, found, np.where(usable, _step_down(found, shares, means, layer, seed), 1.0))


def _excess(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    inside, outside = members.sum(1), (1 - members).sum(1)
    mean = members @ values / np.maximum(inside, 1)
    return np.where((inside > 0) & (outside > 0), mean - (1 - members) @ values / np.maximum(outside, 1), 0.0)


def _by_group(
    values: np.ndarray, members: np.ndarray, groups: Sequence[str], strata: Sequence[str] | None
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """How many strata; then for each group its share in each slice, its mean loss and its stratum."""
    layers = np.zeros(len(values), dtype=int)
    if strata is not None:
        layers = np.unique(np.asarray(strata, dtype=object).astype(str), return_inverse=True)[1]
    names = [f"{layer} {group}" for layer, group in zip(layers, groups, strict=True)]
    _, first, codes = np.unique(np.asarray(names, dtype=object).astype(str), return_index=True, return_inverse=True)
    sizes = np.bincount(codes)
    shares = np.stack([np.bincount(codes, row, len(sizes)) for row in members]) / sizes
    return int(layers.max(initial=0)) + 1, shares, np.bincount(codes, values, len(sizes)) / sizes, layers[first]


def _spread(means: np.ndarray, shares: np.ndarray, layer: np.ndarray, codes: int) -> np.ndarray:
    """The variance of each slice's sum under permutation, exactly."""
    total = np.zeros(len(shares))
    for code in range(codes):
        here = layer == code
        total += (shares[:, here] ** 2).sum(1) * (means[here] ** 2).sum() / max(int(here.sum()) - 1, 1)
    return total


def _step_down(found: np.ndarray, shares: np.ndarray, means: np.ndarray, layer: np.ndarray, seed: int) -> np.ndarray:
    order = np.argsort(-found, kind="stable")
    ranked, hits, done = found[order] - 1e-9, np.zeros(len(found)), 0
    generator, places = np.random.default_rng(seed), [np.flatnonzero(layer == code) for code in np.unique(layer)]
    while done < DRAWS:
        rows = min(DRAWS - done, max(1, _CHUNK // max(len(means), 1)))
        drawn = np.empty((rows, len(means)))
        for place in places:
            drawn[:, place] = generator.permuted(np.broadcast_to(means[place], (rows, len(place))), axis=1)
        sums = drawn @ shares[order].T
        largest = np.maximum.accumulate(sums[:, ::-1], axis=1)[:, ::-1]  # of each slice and those below it
        hits, done = hits + (largest >= ranked).sum(0), done + rows
    p_values = np.empty(len(found))
    p_values[order] = np.maximum.accumulate((hits + 1) / (DRAWS + 1))
    return p_values

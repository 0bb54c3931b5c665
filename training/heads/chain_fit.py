"""Fitting a CRF on attributes and numbers of words together, with L-BFGS (Liu and Nocedal 1989).

Tags have something in common: all of them but O are of a span, those of one label mean one thing, and all B begin. With
few labels that is worth much: weights of like tags are held together (a Gaussian prior with a covariance between tags),
and so are moves of one sort, such as from any B to the I of its label.

What each part brought on 50 texts (strict F1 on 350 others, one draw, the mean of btc, wnut17, ncbi_disease and snips):
a regression whose probabilities a CRF reads, as crfsuite fits it, .37; numbers and attributes in one chain .42; with
tags held together .43; moves too .44 to .45. Layers 2, 4 and 6 of six .449, with the embedding .436 (two draws).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import minimize

from labelwheel.training.heads.chain import Layout, both_ways

# How strongly weights are held back: of attributes, of numbers, of moves by themselves, of sorts of moves.
_ATTRIBUTES, _NUMBERS, _MOVES, _SORTS = 1.0, 0.01, 0.3, 0.05
_ALONE = 0.2  # attributes that have to say all, since there are no numbers
# What two tags of spans share of their variance; of one label; both B or both I. The rest is a tag's own.
_SPAN, _LABEL, _EDGE = 0.3, 0.3, 0.2


class Weights(NamedTuple):
    """(attributes, tags), (numbers, tags) and (tags, tags)."""

    attributes: np.ndarray
    numbers: np.ndarray
    moves: np.ndarray

    def scores(self, attributes: sparse.csr_matrix, numbers: np.ndarray) -> np.ndarray:
        """What each tag scores for each word, (words, tags)."""
        return np.asarray(attributes @ self.attributes + numbers @ self.numbers.astype(numbers.dtype, copy=False))


def fit(
    attributes: sparse.csr_matrix,
    numbers: np.ndarray,
    wanted: np.ndarray,
    lengths: Sequence[int],
    tags: Sequence[str],
    iterations: int,
    start: Weights | None = None,
    seconds: float | None = None,
    pull: float = 1.0,
) -> Weights:
    """Weights for words of texts of such lengths, whose tags are `wanted`, (words,).

    The search begins at `start`, and ends after some `seconds`, where they are given. Weights are held back by `pull`
    times as much as is usual.
    """
    begun = time.monotonic()
    count, layout = len(tags), Layout(lengths)
    root, sorts = _shared(tags), _sorts(tags)
    truth = np.zeros((len(wanted), count))
    truth[np.arange(len(wanted)), wanted] = 1.0
    inner = np.ones(len(wanted), dtype=bool)
    inner[layout.starts] = False
    moved = np.zeros((count, count))
    np.add.at(moved, (wanted[np.flatnonzero(inner) - 1], wanted[inner]), 1.0)
    turned, turned_numbers = attributes.T.tocsr(), np.ascontiguousarray(numbers.T)
    sizes = (attributes.shape[1] * count, numbers.shape[1] * count, count * count, int(sorts.max()) + 1)
    cuts = np.cumsum(sizes)[:-1]
    held = pull * np.repeat((_ATTRIBUTES if numbers.shape[1] else _ALONE, _NUMBERS, _MOVES, _SORTS), sizes)

    def weights(values: np.ndarray) -> Weights:
        said, shown, own, general = np.split(values, cuts)
        return Weights(
            said.reshape(-1, count) @ root.T,
            shown.reshape(-1, count) @ root.T,
            own.reshape(count, count) + general[sorts],
        )

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        found = weights(values)
        scores = found.scores(attributes, numbers)
        said = both_ways(layout, scores, found.moves)
        right = scores[np.arange(len(wanted)), wanted].sum() + (moved * found.moves).sum()
        off, off_moves = said.marginals - truth, said.pairs - moved
        slope = np.concatenate(
            [
                ((turned @ off) @ root).ravel(),
                ((turned_numbers @ off.astype(numbers.dtype, copy=False)) @ root).ravel(),
                off_moves.ravel(),
                np.bincount(sorts.ravel(), off_moves.ravel(), sizes[-1]),
            ]
        )
        return said.log_total - right + 0.5 * float(held @ np.square(values)), slope + held * values

    def watch(_: np.ndarray) -> None:
        if seconds is not None and time.monotonic() - begun > seconds:
            raise StopIteration

    first = np.zeros(sum(sizes)) if start is None else _values(start, np.linalg.inv(root).T, sorts)
    options = {"maxiter": iterations, "maxcor": 8}
    return weights(minimize(loss, first, jac=True, method="L-BFGS-B", options=options, callback=watch).x)


def _values(start: Weights, unshared: np.ndarray, sorts: np.ndarray) -> np.ndarray:
    """What the search goes over where the weights are these; moves are parted as costs least."""
    total, count = np.bincount(sorts.ravel(), start.moves.ravel()), np.bincount(sorts.ravel())
    general = _MOVES * total / (_MOVES * count + _SORTS)
    own = start.moves - general[sorts]
    parts = (start.attributes @ unshared, start.numbers @ unshared, own, general)
    return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])


def _shared(tags: Sequence[str]) -> np.ndarray:
    """A root of the prior's covariance between tags, (tags, tags): each has a variance of 1."""
    found = np.eye(len(tags))
    for row, one in enumerate(tags):
        for column, other in enumerate(tags):
            if row != column and one != "O" and other != "O":
                found[row, column] = _SPAN + _LABEL * (one[2:] == other[2:]) + _EDGE * (one[0] == other[0])
    return np.asarray(np.linalg.cholesky(found))


def _sorts(tags: Sequence[str]) -> np.ndarray:
    """A number for the sort of each move, (tags, tags): from O, B or I to O, B or I, of the same label or not."""
    known: dict[tuple[str, str, bool], int] = {}
    sorts = [[known.setdefault((a[0], b[0], a[2:] == b[2:]), len(known)) for b in tags] for a in tags]
    return np.array(sorts, dtype=int).reshape(len(tags), len(tags))

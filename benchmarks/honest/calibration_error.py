"""How far scores are from how often they are right: the expected calibration error, as it is and less its own bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BINS = 15
_RESAMPLES = 1000


class Error(NamedTuple):
    """`plain` is never 0, as each bin's share of right ones is chance; `debiased` takes off what chance adds.

    `surplus` is the mean score less the share that is right.
    """

    plain: float
    debiased: float
    surplus: float
    scores: int


def error(scores: Sequence[float], right: Sequence[bool]) -> Error:
    """Over 15 bins of equally many scores; the bias is what a parametric bootstrap of the bins adds (Efron 1982).

    Where scores are perfect, that takes off a good half of what chance adds and no more: it flatters nobody.
    """
    said, hit = np.asarray(scores, dtype=float), np.asarray(right, dtype=float)
    if not len(said):
        return Error(0.0, 0.0, 0.0, 0)
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), BINS) if len(part)]
    weights = np.array([len(part) for part in parts]) / len(said)
    gaps = np.array([said[part].mean() - hit[part].mean() for part in parts])
    shares = np.array([(hit[part].sum() + 1) / (len(part) + 2) for part in parts])
    noise = np.sqrt(shares * (1 - shares) / np.array([len(part) for part in parts]))
    plain = float(weights @ np.abs(gaps))
    drawn = gaps + noise * np.random.default_rng(0).standard_normal((_RESAMPLES, len(parts)))
    again = float((np.abs(drawn) @ weights).mean())
    return Error(plain, max(2 * plain - again, 0.0), float(said.mean() - hit.mean()), len(said))

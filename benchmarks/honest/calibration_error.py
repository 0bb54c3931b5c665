"""How far scores are from how often they are right: the expected calibration error, as it is and less its own bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BINS, LEAST = 15, 40
_RESAMPLES, _DRAWS = 1000, 20


class Error(NamedTuple):
    """`plain` is never 0, as each bin's share of right ones is chance; `debiased` takes off what chance adds.

    `surplus` is the mean score less the share that is right; `perfect` what is left of `debiased` where the very same
    scores are true ones.
    """

    plain: float
    debiased: float
    surplus: float
    scores: int
    perfect: float = 0.0


def error(scores: Sequence[float], right: Sequence[bool]) -> Error:
    """Over 15 bins of equally many scores, or fewer, so that each has 40.

    The bias is what a parametric bootstrap of the bins adds (Efron 1982). Where scores are perfect, that takes off a
    good half of what chance adds and no more: it flatters nobody.
    """
    said, hit = np.asarray(scores, dtype=float), np.asarray(right, dtype=float)
    if not len(said):
        return Error(0.0, 0.0, 0.0, 0)
    bins = min(BINS, max(1, len(said) // LEAST))
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), bins) if len(part)]
    plain, debiased = _debiased(said, hit, parts)
    generator = np.random.default_rng(1)
    drawn = [_debiased(said, (generator.random(len(said)) < said).astype(float), parts)[1] for _ in range(_DRAWS)]
    return Error(plain, debiased, float(said.mean() - hit.mean()), len(said), float(np.mean(drawn)))


def _debiased(said: np.ndarray, hit: np.ndarray, parts: Sequence[np.ndarray]) -> tuple[float, float]:
    """The error over these bins, as it is and less its bias."""
    weights = np.array([len(part) for part in parts]) / len(said)
    gaps = np.array([said[part].mean() - hit[part].mean() for part in parts])
    shares = np.array([(hit[part].sum() + 1) / (len(part) + 2) for part in parts])
    noise = np.sqrt(shares * (1 - shares) / np.array([len(part) for part in parts]))
    plain = float(weights @ np.abs(gaps))
    drawn = gaps + noise * np.random.default_rng(0).standard_normal((_RESAMPLES, len(parts)))
    again = float((np.abs(drawn) @ weights).mean())
    return plain, max(2 * plain - again, 0.0)

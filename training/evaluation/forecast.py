"""How many labels a score still takes, from the scores so far: a mean over curves, with an interval of 80 %.

Curves of three families are drawn from broad priors and weighed by how well they go through the points (importance
sampling), so that each family counts as much as the points speak for it: the error falls by a power law (the usual
one, Hestness et al. 2017, arXiv 1712.00409), exponentially, or with the logarithm of the labels; all from what was
achieved before the first label, and the first two to an error that stays. Scores of one project are measured on much
the same examples, so their errors are taken to be alike in part: where a curve goes is surer than how high it is.
`benchmarks.forecasts` says how often the interval has the truth in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.questions import Frozen

LEAST_POINTS, LEAST_LABELS = 3, 50
"""Below so many points with labels, or labels in the last of them, nothing is said."""

MOST = 100_000
"""Labels, beyond which nobody asks."""

_WIDTH = 2 * 1.96  # of an interval of 95 %, in standard errors
_DRAWS = 20_000
_ALIKE = 0.8  # of what is measured again with more labels, so much of the error is the same
_ROUGH = 0.03  # no curve is right: each point may be off so far beside its own error
_LEVEL = 0.8
_ENDS = ((1 - _LEVEL) / 2, 0.5, (1 + _LEVEL) / 2)


class Point(NamedTuple):
    """A score in [0, 1] after so many labels, and its standard error."""

    labels: int
    score: float
    error: float

    @classmethod
    def of(cls, labels: int, score: float, low: float, high: float) -> Point:
        """From the ends of its interval of 95 %."""
        return cls(labels, score, max(high - low, 0.01) / _WIDTH)


class Labels(Frozen):
    """A number of labels in all, and the ends of its 80 % interval; None is beyond `MOST`."""

    median: int | None
    low: int | None
    high: int | None


class Forecast(Frozen):
    """`needed` are the labels in all for the `target`, None where nothing can be said, and `reason` says why.

    `gain` is what the next `more` labels bring, with the ends of its interval; `reached` tells that the target is met,
    as far as the curve knows.
    """

    target: float
    labels: int
    needed: Labels | None = None
    reached: bool = False
    more: int = 100
    gain: tuple[float, float, float] | None = None
    reason: str = ""


class Fitted(Frozen):
    """A score in [0, 1] that is expected after so many labels, with the ends of the curve's 80 % interval."""

    labels: int
    score: float
    low: float
    high: float


class _Asked(NamedTuple):
    """What drawn curves are asked for: errors at the points and after so many labels, and when `error` is met."""

    points: Sequence[Point]
    error: float
    places: Sequence[int]

    @property
    def labels(self) -> np.ndarray:
        return np.array([point.labels for point in self.points], float)


class _Curves(NamedTuple):
    """Errors of drawn curves at the points (draws, points), at the places (draws, places), and what each needs."""

    errors: np.ndarray
    asked: np.ndarray
    needed: np.ndarray


def forecast(
    points: Sequence[Point], target: float, more: int = 100, seed: int = 0, labels: int | None = None
) -> Forecast:
    """What is to be expected of a project with these scores and so many labels (None: those of the last score)."""
    ordered = sorted(points)
    last = labels if labels is not None else ordered[-1].labels if ordered else 0
    found = Forecast(target=target, labels=last, more=more)
    if not _enough(ordered, last):
        reason = (
            f"it takes {LEAST_LABELS} labels, and scores at {LEAST_POINTS} numbers of them, before anything can be said"
        )
        return found.model_copy(update={"reason": reason})
    curves, weights = _drawn(_Asked(ordered, 1 - target, [last, last + more]), seed)
    low, median, high = (_whole(value) for value in _quantiles(curves.needed, weights))
    gains = _quantiles(curves.asked[:, 0] - curves.asked[:, 1], weights)
    return found.model_copy(
        update={
            "needed": Labels(median=median, low=low, high=high),
            "reached": median is not None and median <= last,
            "gain": tuple(round(float(gains[place]), 4) for place in (1, 0, 2)),
            "reason": _advice(target, last, (low, median, high), more, gains),
        }
    )


def curve(points: Sequence[Point], places: Sequence[int], seed: int = 0, labels: int | None = None) -> list[Fitted]:
    """The median of the curves by which `forecast` goes, after so many labels each; empty where nothing can be said."""
    ordered = sorted(points)
    if not ordered or not _enough(ordered, ordered[-1].labels if labels is None else labels):
        return []
    curves, weights = _drawn(_Asked(ordered, 0.0, places), seed)
    found = []
    for labels, errors in zip(places, curves.asked.T, strict=True):
        low, score, high = (round(1 - error, 4) for error in reversed(_quantiles(errors, weights)))
        found.append(Fitted(labels=labels, score=score, low=low, high=high))
    return found


def _enough(ordered: Sequence[Point], labels: int) -> bool:
    learnt = {point.labels for point in ordered if point.labels > 0}
    return len(learnt) >= LEAST_POINTS and labels >= LEAST_LABELS


def _drawn(asked: _Asked, seed: int) -> tuple[_Curves, np.ndarray]:
    drawn = [family(np.random.default_rng(seed), asked) for family in (_power, _falling, _logarithm)]
    curves = _Curves(*(np.concatenate(parts) for parts in zip(*drawn, strict=True)))
    return curves, _weights(asked.points, curves.errors)


def _start(chance: np.random.Generator, ordered: Sequence[Point]) -> np.ndarray:
    """The error before the first label: as measured, or anything from that of the first score on."""
    first = ordered[0]
    if first.labels == 0:
        return np.clip(chance.normal(1 - first.score, max(first.error, _ROUGH), _DRAWS), 0.01, 1.0)
    return chance.uniform(1 - first.score, 1.0, _DRAWS)


def _stays(chance: np.random.Generator, ordered: Sequence[Point]) -> np.ndarray:
    return chance.uniform(0, 1, _DRAWS) ** 1.5 * min(1 - ordered[-1].score + ordered[-1].error, 1.0)


def _power(chance: np.random.Generator, asked: _Asked) -> _Curves:
    start, end = _start(chance, asked.points), _stays(chance, asked.points)
    scale = np.exp(chance.uniform(np.log(2), np.log(4 * asked.labels[-1]), _DRAWS))
    power = np.exp(chance.normal(np.log(0.6), 0.6, _DRAWS))

    def after(labels: np.ndarray) -> np.ndarray:
        return _column(end) + _column(start - end) * (1 + labels / _column(scale)) ** -_column(power)

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        needed = scale * (((start - end) / (asked.error - end)) ** (1 / power) - 1)
    return _curves(after, asked, start, end, needed)


def _falling(chance: np.random.Generator, asked: _Asked) -> _Curves:
    start, end = _start(chance, asked.points), _stays(chance, asked.points)
    scale = np.exp(chance.uniform(np.log(4), np.log(4 * asked.labels[-1]), _DRAWS))
    power = chance.uniform(0.3, 1, _DRAWS)

    def after(labels: np.ndarray) -> np.ndarray:
        return _column(end) + _column(start - end) * np.exp(-((labels / _column(scale)) ** _column(power)))

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        needed = scale * np.log((start - end) / (asked.error - end)) ** (1 / power)
    return _curves(after, asked, start, end, needed)


def _logarithm(chance: np.random.Generator, asked: _Asked) -> _Curves:
    start = _start(chance, asked.points)
    doubling = np.exp(chance.normal(np.log(0.04), 0.8, _DRAWS))
    scale = np.exp(chance.uniform(0, np.log(asked.labels[-1]), _DRAWS))

    def after(labels: np.ndarray) -> np.ndarray:
        errors: np.ndarray = _column(start) - _column(doubling) * np.log2(1 + labels / _column(scale))
        return np.maximum(errors, 0)

    with np.errstate(over="ignore"):
        needed = scale * (2 ** ((start - asked.error) / doubling) - 1)
    return _curves(after, asked, start, np.full(_DRAWS, -1.0), needed)


def _curves(
    after: Callable[[np.ndarray], np.ndarray], asked: _Asked, start: np.ndarray, end: np.ndarray, needed: np.ndarray
) -> _Curves:
    reached = np.where((asked.error <= end) | ~np.isfinite(needed), np.inf, needed)
    places = np.array([asked.places], float)
    return _Curves(after(asked.labels[None, :]), after(places), np.where(start <= asked.error, 0.0, reached))


def _column(values: np.ndarray) -> np.ndarray:
    return values[:, None]


def _weights(ordered: Sequence[Point], errors: np.ndarray) -> np.ndarray:
    """By the likelihood of the points, Gaussian: each is measured on most of the examples of those before it."""
    spread = np.array([point.error for point in ordered])
    shared = _ALIKE * np.minimum.outer(spread, spread) ** 2
    covariance = shared + np.diag(spread**2 - shared.diagonal() + _ROUGH**2)
    off = errors - np.array([1 - point.score for point in ordered])
    likelihood = -0.5 * np.einsum("di,ij,dj->d", off, np.linalg.inv(covariance), off)
    weights: np.ndarray = np.exp(likelihood - likelihood.max())
    return weights / weights.sum()


def _quantiles(values: np.ndarray, weights: np.ndarray) -> list[float]:
    """The low end of the interval, the median, the high end."""
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return [float(values[order[min(int(np.searchsorted(below, share)), len(order) - 1)]]) for share in _ENDS]


def _whole(labels: float) -> int | None:
    return None if labels > MOST else round(labels)


def _advice(
    target: float, labels: int, needed: tuple[int | None, int | None, int | None], more: int, gains: Sequence[float]
) -> str:
    """What to do, in words."""
    low, median, high = needed
    bring = f"the next {more} labels bring {gains[1]:+.3f} ({gains[0]:+.3f} to {gains[2]:+.3f})"
    if median is None:
        return f"{target:g} is out of reach for these labels and this base model, as far as the curve knows: {bring}"
    if median <= labels:
        sure = "" if high is not None and high <= labels else ", though it is not sure"
        return f"{target:g} is reached{sure}: label on only where more is worth it; {bring}"
    least = "none" if low is None or low <= labels else f"{_about(low - labels):,}"
    most = "out of reach" if high is None else f"{_about(high - labels):,}"
    wide = f"({least} to {most}, in four cases of five)"
    return f"about {_about(median - labels):,} labels more than the {labels:,} of the last round {wide}: {bring}"


def _about(labels: int) -> int:
    """No more digits than such an estimate has: two."""
    digits = len(str(labels))
    return round(labels, 2 - digits) if digits > 2 else labels

"""Bootstrap intervals over groups of near-duplicates, so that ten copies of one text count as one observation.

Whole groups are drawn with replacement (cluster bootstrap; Field and Welsh 2007). Every statistic is a function of sums
over examples, so that 2,000 resamples are one matrix product of draw counts with the groups' sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import special

from labelwheel.training.kinds.base import QuestionKind, Score
from labelwheel.training.questions import Frozen

RESAMPLES = 2000
_CHUNK = 4_000_000  # draw counts held at once: 32 MB

Statistic = Callable[[np.ndarray], np.ndarray]
"""From sums (…, columns) to values (…)."""


class Interval(Frozen):
    """A value with the interval that holds it at `level`, from `groups` independent groups of examples."""

    value: float
    low: float
    high: float
    level: float
    groups: int


def group_sums(groups: Sequence[str], columns: np.ndarray) -> np.ndarray:
    """Rows (examples, columns) added up by group: (groups, columns), in the order of the groups' names."""
    names, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    sums = np.zeros((len(names), columns.shape[1]))
    np.add.at(sums, codes, columns)
    return sums


def resampled(sums: np.ndarray, statistic: Statistic, *, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """The statistic on bootstrap resamples of the groups: (resamples, …)."""
    parts = [statistic(counts @ sums) for counts in _draws(len(sums), seed, resamples)]
    return np.concatenate(parts)


def bca(
    sums: np.ndarray, statistic: Statistic, *, seed: int, level: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """The bias-corrected and accelerated interval (Efron 1987) of a score in [0, 1].

    Where all resamples agree (such as nothing wrong on 20 examples) the bootstrap would claim certainty; the Wilson
    score interval (1927) over the groups is given instead.
    """
    count = len(sums)
    value = float(statistic(sums.sum(0, keepdims=True))[0])
    values = resampled(sums, statistic, seed=seed, resamples=resamples)
    if count < 2 or np.ptp(values) < 1e-12:
        low, high = wilson(round(min(max(value, 0.0), 1.0) * count), count, level)
        return Interval(value=value, low=min(low, value), high=max(high, value), level=level, groups=count)
    without = statistic(sums.sum(0) - sums)
    slopes = without.mean() - without
    spread = float((slopes**2).sum()) ** 1.5
    acceleration = float((slopes**3).sum()) / (6 * spread) if spread else 0.0
    below = (np.mean(values < value) + np.mean(values <= value)) / 2
    bias = special.ndtri(np.clip(below, 1 / resamples, 1 - 1 / resamples))
    edges = bias + special.ndtri([(1 - level) / 2, (1 + level) / 2])
    low, high = np.quantile(values, special.ndtr(bias + edges / (1 - acceleration * edges)))
    return Interval(value=value, low=float(low), high=float(high), level=level, groups=count)


def wilson(hits: int, count: int, level: float) -> tuple[float, float]:
    """The score interval (Wilson 1927) of a share of so many."""
    from scipy import stats  # takes longer to load than all of labelwheel, and each command loads this file

    edges = stats.binomtest(hits, count).proportion_ci(level, method="wilson")
    return float(edges.low), float(edges.high)


def tails(count: int, level: float) -> tuple[float, float]:
    """The quantiles to read off a bootstrap distribution of `count` groups for an interval of `level`.

    Percentile intervals are too narrow for few observations; these are expanded as Hesterberg (2015, "What teachers
    should know about the bootstrap") does, so that for means they have about the coverage of Student's t.
    """
    if count < 2:
        return 0.0, 1.0
    low = special.ndtr(np.sqrt(count / (count - 1)) * special.stdtrit(count - 1, (1 - level) / 2))
    return float(low), float(1 - low)


def headline(
    kind: QuestionKind, scores: Sequence[Score], groups: Sequence[str], *, seed: int, level: float = 0.95
) -> Interval:
    """The interval of a kind's headline metric over examples; raises ValueError without any."""
    if not scores:
        raise ValueError("there is nothing to measure: no scores")
    value = kind.headline(scores)
    labels = sorted({label for score in scores for label in score.units})
    sums = group_sums(groups, score_columns(scores, labels))
    for statistic in (mean_score, micro_f1, macro_f1):
        if abs(float(statistic(sums.sum(0, keepdims=True))[0]) - value) < 1e-9:
            return bca(sums, statistic, seed=seed, level=level)
    return _slow(kind, scores, groups, seed=seed, level=level)


def by_class(
    scores: Sequence[Score], groups: Sequence[str], *, seed: int, level: float = 0.95
) -> dict[str, dict[str, tuple[float, float]]]:
    """By class the ends of the intervals of its `precision`, `recall` and `f1`, each class by itself.

    Expanded percentiles (`tails`) for as many groups as have the class; Wilson's where all resamples agree.
    """
    labels = sorted({label for score in scores for label in score.units})
    sums = group_sums(groups, score_columns(scores, labels)[:, 2:])
    seen = sums.reshape(len(sums), len(labels), 3).any(2).sum(0)
    drawn = resampled(sums, _rates, seed=seed) if labels else np.zeros((0, 0, 3))
    values = _rates(sums.sum(0))
    hits, extra, missed = sums.sum(0)[0::3], sums.sum(0)[1::3], sums.sum(0)[2::3]
    units = np.stack([hits + extra, hits + missed, hits + extra + missed], axis=-1)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for place, label in enumerate(labels):
        found[label] = {}
        for column, name in enumerate(("precision", "recall", "f1")):
            value, several = float(values[place, column]), drawn[:, place, column]
            several = several[np.isfinite(several)]
            if not units[place, column] or np.isnan(value):
                continue
            if len(several) < 2 or np.ptp(several) < 1e-12 or seen[place] < 2:
                count = max(1, min(round(float(units[place, column])), int(seen[place])))
                low, high = wilson(round(value * count), count, level)
            else:
                low, high = np.quantile(several, tails(int(seen[place]), level))
            found[label][name] = min(float(low), value), max(float(high), value)
    return found


def _rates(sums: np.ndarray) -> np.ndarray:
    """From hits, false and missed ones of each class (…, 3 x classes) to its three rates (…, classes, 3)."""
    hits, extra, missed = sums[..., 0::3], sums[..., 1::3], sums[..., 2::3]
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = hits / (hits + extra), hits / (hits + missed), 2 * hits / (2 * hits + extra + missed)
    return np.stack(rates, axis=-1)


def score_columns(scores: Sequence[Score], labels: Sequence[str]) -> np.ndarray:
    """Rows of (one, 1 - loss, then true positives, false positives, false negatives of each label)."""
    columns = np.zeros((len(scores), 2 + 3 * len(labels)))
    place = {label: 2 + 3 * index for index, label in enumerate(labels)}
    for row, score in zip(columns, scores, strict=True):
        row[:2] = 1.0, 1.0 - score.loss
        for label, unit in score.units.items():
            row[place[label] : place[label] + 3] = unit.true_positives, unit.false_positives, unit.false_negatives
    return columns


def mean_score(sums: np.ndarray) -> np.ndarray:
    """The mean of 1 - loss."""
    return sums[..., 1] / np.maximum(sums[..., 0], 1e-12)


def micro_f1(sums: np.ndarray) -> np.ndarray:
    """F1 over all units; 1 where there is nothing to find and nothing was found."""
    return f1(sums[..., 2::3].sum(-1), sums[..., 3::3].sum(-1), sums[..., 4::3].sum(-1))


def macro_f1(sums: np.ndarray) -> np.ndarray:
    """The mean F1 of the labels that occur, as gold or as prediction."""
    hits, extra, missed = sums[..., 2::3], sums[..., 3::3], sums[..., 4::3]
    seen = (hits + extra + missed) > 0
    return (f1(hits, extra, missed) * seen).sum(-1) / np.maximum(seen.sum(-1), 1)


def f1(hits: np.ndarray, extra: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """2 TP / (2 TP + FP + FN); 1 where all are zero."""
    total = 2 * hits + extra + missed
    return np.where(total > 0, 2 * hits / np.maximum(total, 1e-12), 1.0)


def _draws(count: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(count, 1))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = generator.integers(0, count, size=(rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)


def _slow(kind: QuestionKind, scores: Sequence[Score], groups: Sequence[str], *, seed: int, level: float) -> Interval:
    """For a headline that is none of the usual ones: percentiles of fewer resamples, one by one."""
    names, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    members = [np.flatnonzero(codes == code) for code in range(len(names))]
    values = []
    for counts in _draws(len(names), seed, RESAMPLES // 10):
        for row in counts.astype(int):
            chosen = np.concatenate([np.tile(members[code], row[code]) for code in np.flatnonzero(row)])
            values.append(kind.headline([scores[index] for index in chosen]))
    low, high = np.quantile(values, tails(len(names), level))
    return Interval(value=kind.headline(scores), low=float(low), high=float(high), level=level, groups=len(names))

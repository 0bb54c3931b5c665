"""Whether what a search has found is better than the defaults, by more than noise and many looks bring.

Three sorts of luck make the best of many trials look good. That of folds and seeds: the best few are measured anew,
with fresh ones, and only these figures count. That of the labels, which all trials share: the gains are held against a
bootstrap over groups of near-duplicates. And that of having looked often: each draw of the bootstrap takes the largest
of all trials' standardised gains, each less its own mean, so that the best has to beat what the best of as many would
bring with nothing in it (White 2000, "A reality check for data snooping"; standardised as in Romano and Wolf 2005).
Trials that are plainly worse are no way to be lucky, and are left out (Hansen 2005).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.1
"""How often a search in which there is nothing to find may say otherwise. The gate then asks again, on other texts."""

DRAWS = 4000
LEAST_GROUPS = 20
_TINY = 1e-9

Losses = Mapping[str, float]
"""By example."""


class Verdict(NamedTuple):
    """On the best of some candidates, by its place: what it gains in mean loss over the defaults, on fresh folds.

    `noise` is what the best of so many looks gains in all but `LEVEL` of cases where there is nothing to gain, `chance`
    how often it gains as much as this; `answers` is what is gained in the loss of the answers alone. `best` is None
    without any candidate.
    """

    worth: bool
    reason: str
    best: int | None = None
    gain: float = 0.0
    noise: float = 0.0
    chance: float = 1.0
    answers: float = 0.0
    looks: int = 0
    groups: int = 0


class Candidate(NamedTuple):
    """Settings that were measured anew: both losses in one, and that of the answers alone."""

    losses: Losses
    answers: Losses


def judge(
    defaults: Candidate,
    candidates: Sequence[Candidate],
    searched: Sequence[tuple[Losses, Losses]],
    groups: Mapping[str, str],
    seed: int,
) -> Verdict:
    """The verdict. `defaults` and `candidates` are by fresh folds; `searched` has what the search itself has seen, the
    defaults' losses and a trial's, by its own folds; `groups` are those of near-duplicates, by example."""
    looks = len(searched)
    fresh = [_gains(defaults.losses, each.losses, groups) for each in candidates]
    seen = [_gains(*each, groups) for each in searched]
    told = [each for each in fresh if each]
    if not told:
        return Verdict(False, "no settings were measured that could be compared with the defaults", looks=looks)
    best = max((place for place, each in enumerate(fresh) if each), key=lambda place: _mean(fresh[place]))
    gains, count = fresh[best], len(fresh[best])
    gain, spread = _mean(gains), _error(gains)
    answers = _mean(_gains(defaults.answers, candidates[best].answers, groups))
    if count < LEAST_GROUPS:
        return Verdict(
            False,
            f"{count} independent examples are too few to tell",
            best,
            gain,
            answers=answers,
            looks=looks,
            groups=count,
        )
    largest = _largest([*told, *seen], seed)
    chance = (1 + int((largest >= gain / max(spread, _TINY) - _TINY).sum())) / (len(largest) + 1)
    noise = float(np.quantile(largest, 1 - LEVEL)) * spread
    figures = (
        f"{gain:+.3f} of mean loss on fresh folds of {count} independent examples; noise alone brings up to "
        f"{noise:.3f} to the best of {looks} trials"
    )
    worth = gain > 0 and chance <= LEVEL and answers >= 0
    if worth:
        reason = f"better than the defaults by {figures}"
    elif gain > 0 and chance <= LEVEL:
        reason = f"surer than the defaults by {figures}, but it answers more of them wrongly ({answers:+.3f})"
    else:
        reason = f"worth less than its noise: the best gains {figures}"
    return Verdict(worth, reason, best, gain, noise, chance, answers, looks, count)


def behind(defaults: Losses, other: Losses, groups: Mapping[str, str]) -> bool:
    """Whether settings are plainly worse than the defaults, by two standard errors of what both were measured on."""
    gains = _gains(defaults, other, groups)
    return len(gains) > 1 and _mean(gains) + 2 * _error(gains) < 0


def _gains(defaults: Losses, other: Losses, groups: Mapping[str, str]) -> dict[str, float]:
    """What is gained on each group, the mean of its examples that both were measured on."""
    found: dict[str, list[float]] = {}
    for key in defaults.keys() & other.keys():
        found.setdefault(groups.get(key, key), []).append(defaults[key] - other[key])
    return {group: sum(values) / len(values) for group, values in found.items()}


def _mean(gains: Mapping[str, float]) -> float:
    return sum(gains.values()) / len(gains)


def _error(gains: Mapping[str, float]) -> float:
    if len(gains) < 2:
        return math.inf
    return float(np.std(list(gains.values()), ddof=1) / math.sqrt(len(gains)))


def _largest(family: Sequence[Mapping[str, float]], seed: int) -> np.ndarray:
    """Of each draw, the largest standardised gain of the family where none has any."""
    names = sorted(set().union(*family))
    lucky = [each for each in family if len(each) > 1 and _error(each) > _TINY and _plausible(each)]
    if not lucky:
        return np.zeros(DRAWS)
    values, there = np.zeros((len(lucky), len(names))), np.zeros((len(lucky), len(names)))
    for row, gains in enumerate(lucky):
        for column, name in enumerate(names):
            if name in gains:
                values[row, column], there[row, column] = gains[name] - _mean(gains), 1.0
    errors = np.array([_error(each) for each in lucky])
    chance = np.random.default_rng(seed)
    largest = np.empty(DRAWS)
    for start in range(0, DRAWS, 500):
        weights = chance.multinomial(len(names), np.full(len(names), 1 / len(names)), size=min(500, DRAWS - start))
        sums, counts = weights @ values.T, np.maximum(weights @ there.T, 1.0)
        largest[start : start + len(weights)] = (sums / counts / errors).max(axis=1)
    return largest


def _plausible(gains: Mapping[str, float]) -> bool:
    """Whether it is not plainly worse than the defaults."""
    return _mean(gains) >= -_error(gains) * math.sqrt(2 * math.log(math.log(max(len(gains), 3))))

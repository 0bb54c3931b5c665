"""How far a gate lets what is served fall, when nothing but luck challenges it; and what a better challenger needs.

A champion is right on .8 of all texts, and each challenger answers a tenth of the texts otherwise: right where the
champion is wrong or the other way round. All of them meet on one held-out part. A champion that was promoted by luck
keeps that luck on it, so that what counts are two numbers: how many held-out texts it has right, and its truth.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from benchmarks.common import machine, save
from benchmarks.honest.rules import Rule, alone, levels, naive, sign_test, spending
from labelwheel.training.evaluation.looks import DISCARDED, FEW_GROUPS, LEVEL, UNSPENT, allowed

FIXED, GAIN, POWER = 0.05, 0.05, 0.8
TRUTH, DIFFER, FALL = 0.8, 0.1, 0.02
RULES: dict[str, Rule] = {"ours": spending(LEVEL), "each alone": alone, "better score": naive}
FIRST, TEXTS, LOOKS = 10, (60, 200, 1000), (0, 1, 3, 20, 100)
_GROWTH, _MOST_NEW, _GROWING_ROUNDS = 0.25, 40, 100
_MOST_TEXTS = 20_000


@dataclass(frozen=True)
class Null:
    """Challengers that differ from what is served by `shift` in the mean, and by `spread` (standard deviation)."""

    name: str
    shift: float
    spread: float


NULLS = (
    Null("equal", 0.0, 0.0), Null("equal in the mean, ± .01", 0.0, 0.01), Null("equal in the mean, ± .02", 0.0, 0.02),
    Null("worse by .005", -0.005, 0.0), Null("worse by .01", -0.01, 0.0), Null("worse by .021", -0.021, 0.0),
    Null("worse by .03", -0.03, 0.0),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """Of many runs: the share that fell by more than .02, the mean change in truth, promotions a run."""

    rule: str
    null: str
    texts: int
    grows: bool
    rounds: int
    runs: int
    fell: float
    change: float
    promotions: float


def challenge(
    rule: Rule, null: Null, texts: int, rounds: int, runs: int, seed: int, grows: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """What the truth of what is served gained in each run, and how many challengers were promoted.

    Where the part `grows`, a quarter more texts are held out before each next round, 40 at most; looks at few of them
    are early then.
    """
    chance = np.random.default_rng(seed)
    truth, held = np.full(runs, TRUTH), np.full(runs, texts)
    right, looks, promotions = chance.binomial(held, truth), np.ones(runs, dtype=int), np.zeros(runs, dtype=int)
    for _ in range(rounds):
        wanted = np.clip(null.shift + null.spread * chance.standard_normal(runs), -DIFFER, DIFFER)
        mends = np.clip((DIFFER + wanted) / 2 / (1 - truth), 0, 1)
        spoils = np.clip((DIFFER - wanted) / 2 / truth, 0, 1)
        wrong = held - right
        won, lost = chance.binomial(wrong, mends), chance.binomial(right, spoils)
        early = grows & (held < FEW_GROUPS)
        passes = rule(won, lost, held, np.where(early, UNSPENT, looks))
        right = right + np.where(passes, won - lost, 0)
        truth = np.clip(truth + np.where(passes, (1 - truth) * mends - truth * spoils, 0), 0.01, 0.99)
        promotions += passes
        # nothing is spent where a challenger without an error could not pass, nor where this one does no better
        could = sign_test(wrong, np.zeros(runs, dtype=int)) <= levels(LEVEL, int(looks.max()))[looks]
        better = sign_test(won, lost) <= DISCARDED
        looks = np.where(passes, 1, looks + (~early & could & better))
        if grows:
            new = min(_MOST_NEW, int(np.ceil(held[0] * _GROWTH)))
            right, held = right + chance.binomial(new, truth), held + new
    return truth - TRUTH, promotions


def power(texts: int, level: float) -> float:
    """The chance that a challenger that is better by `GAIN` passes the sign test of a level, on so many texts."""
    differ = np.arange(texts + 1)
    chances = stats.binom.pmf(differ, texts, DIFFER)
    there = chances > 1e-10
    critical = np.array([_critical(int(count), level) for count in differ[there]])
    wins = stats.binom.sf(critical - 1, differ[there], (DIFFER + GAIN) / 2 / DIFFER)
    return float((chances[there] * wins).sum())


def needed(level: float) -> int:
    """The texts by which such a challenger has passed with a chance of .8."""
    low, high = 1, _MOST_TEXTS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, level) >= POWER else (middle, high)
    return high


@cache
def _critical(differ: int, level: float) -> int:
    won = np.arange(differ // 2 + 1, differ + 1)
    enough = won[sign_test(won, differ - won) <= level]
    return int(enough[0]) if len(enough) else differ + 1


def run(runs: int, rounds: int, seed: int) -> dict[str, Any]:
    """Measures every rule, keeps the figures and shows them."""
    outcomes = []
    for rule in RULES:
        for texts, grows in ((FIRST, True), (TEXTS[0], True), *((texts, False) for texts in TEXTS)):
            for null in NULLS:
                count = min(rounds, _GROWING_ROUNDS) if grows else rounds
                gained, promoted = challenge(RULES[rule], null, texts, count, runs, seed, grows)
                fell, change = float((gained < -FALL - 1e-9).mean()), round(float(gained.mean()), 4)
                outcomes.append(
                    Outcome(rule, null.name, texts, grows, count, runs, fell, change, float(promoted.mean()))
                )
    fixed, same = needed(FIXED), needed(LEVEL)
    labels = {looks: needed(allowed(LEVEL, looks + 1)) for looks in LOOKS}
    record = {
        "machine": machine(), "outcomes": [asdict(each) for each in outcomes],
        "texts_needed": {f"one test at {FIXED}": fixed, f"one at {LEVEL}": same, "ours, after so many looks": labels},
    }  # fmt: skip
    save("honest-gate", record)
    _show(outcomes, fixed, same, labels)
    return record


def _show(outcomes: list[Outcome], fixed: int, same: int, labels: dict[int, int]) -> None:
    table = Table(
        "rule", "held out", "rounds", *(null.name for null in NULLS), title=f"runs that fell by more than {FALL}"
    )
    for rule in RULES:
        for key in dict.fromkeys((each.texts, each.grows, each.rounds) for each in outcomes):
            row = [each for each in outcomes if each.rule == rule and (each.texts, each.grows, each.rounds) == key]
            cells = [f"{each.fell:.1%} ({each.change:+.3f}, {each.promotions:.1f} promoted)" for each in row]
            table.add_row(rule, f"{key[0]}{' and growing' if key[1] else ''}", str(key[2]), *cells)
    Console(width=200).print(table)
    told = ", ".join(f"after {looks} looks {count} ({count / fixed:.2f})" for looks, count in labels.items())
    Console(width=200).print(
        f"texts until a challenger better by {GAIN} is promoted with a chance of {POWER}: one test at {FIXED} {fixed}, "
        f"one at {LEVEL} {same}; ours, against the first, {told}"
    )

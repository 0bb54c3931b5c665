"""Champion against challenger on the same examples: is the challenger better, not worse, worse, or can nobody tell?

The difference is paired: each example's champion loss minus its challenger loss, averaged, with a 90 % interval by a
cluster bootstrap over near-duplicate groups (Efron and Tibshirani 1993; for language processing: Koehn 2004,
Berg-Kirkpatrick et al. 2012), expanded for few groups (`intervals.tails`). Below ten groups a bootstrap has nothing to
resample: a one-sided exact sign test at 5 % decides then (five of five groups that differ), or else the mean: no round
starts on so few (`sufficiency`) unless the project has not many more different texts, and then whatever does
better on them is the better bet. The reason says that it knows nothing about others.

Below fifty groups (`few`) what is served keeps its place on a tie: the challenger has to do better, if only by one
answer, and, where each example has one class, not worse in the mean recall of the classes. The first labels of a
project are few and skewed, and a challenger that has learnt their skew looks better on them than it is: the mean over
classes does not see the skew. `benchmarks.rounds` measures what that protects and what it costs.

From fifty on, "not worse" is a non-inferiority test: the lower end must stay above `-margin`, or the losses of all
examples together must not have grown by more than one answer's. The second half is deliberate: what has learnt from
more labels is the better bet until more than a single answer of so many speaks against it. Simulated with 50 examples
of which a tenth is answered differently: a challenger that is truly better by .02 is promoted in 88 % of rounds (76 %
if one answer could decide), one that is worse by .05 in 32 % (17 %), by .10 in 7 % (2 %); with 200 examples a
challenger worse by .05 in 2 %.

Where fast heads follow the labels on the champion, a challenger whose encoder has learnt nothing knows no more than
they do, and would have them begin anew: it has to be better beyond chance (`beyond_chance`). Measured on TREC's six
classes: challengers that were ahead by one or two answers of twenty took the place of heads that were .06 better.

A class that collapses does not hide in the mean: a class with at least five gold units whose F1 falls by more than
`floor` rejects the challenger where the interval of its fall lies wholly below zero. Resamples without a gold unit of
the class say nothing about it and are left out. The intervals are not corrected for looking at many classes:
simulated with 77 classes of 5 units and 15 % of the answers drawn anew, a challenger as good as its champion is
rejected for a class in 3 % of rounds and 94 % of true collapses are found; Bonferroni would find 40 % (10 runs).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import stats

from labelwheel.training.evaluation.paired import ClassChange, Paired
from labelwheel.training.kinds.base import Score
from labelwheel.training.questions import Frozen
from labelwheel.training.spec import Pair

FEW_GROUPS = 10
ENOUGH_GROUPS = 50
_NAMED = 3

Verdict = Literal["better", "not_worse", "no_better", "worse", "too_few"]


class Comparison(Frozen):
    """The verdict and what it rests on; scores are means of 1 - loss, differences are challenger minus champion.

    `champion_score` and the difference are None where there is no champion.
    """

    verdict: Verdict
    reason: str
    examples: int
    groups: int
    challenger_score: float
    champion_score: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    probability: float | None = None
    classes: tuple[ClassChange, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the challenger may replace the champion, as far as the numbers go."""
        return self.verdict in ("better", "not_worse")


def compare(
    pairs: Sequence[Pair],
    *,
    floor: float = 0.10,
    margin: float = 0.02,
    few: int = ENOUGH_GROUPS,
    beyond_chance: bool = False,
    by_head: bool = False,
    seed: int = 13,
) -> Comparison:
    """Compares on the pairs that the champion was measured on; without any, only a sanity floor is asked for.

    Below `few` groups a tie is not enough; nor is a gain that may be chance, where it has to be `beyond_chance`.
    `by_head` has the reason say that a fast head answered for the champion.
    """
    known = [pair for pair in pairs if pair.champion_loss is not None]
    if not known:
        return _alone(pairs)
    paired = Paired.of(
        [pair.group for pair in known],
        [Score(pair.champion_loss or 0.0, pair.champion) for pair in known],
        [Score(pair.challenger_loss, pair.challenger) for pair in known],
        seed,
    )
    differences, difference, (low, high) = paired.differences, paired.difference, paired.interval
    probability = float(np.mean(differences > 1e-12) + np.mean(np.abs(differences) <= 1e-12) / 2)
    classes = paired.classes(floor)
    collapsed = [change for change in classes if change.collapsed]
    recall = _recall(paired.totals, paired.half) if _is_single(known) else 0.0
    verdict, reason = _verdict(
        difference, low, high, paired.sums, paired.half, margin, len(known), collapsed, recall, few
    )
    if beyond_chance and verdict == "not_worse":
        verdict, reason = "no_better", f"{reason}, which is not enough to begin anew from an encoder that is no better"
    scores = 1 - np.array([[p.champion_loss or 0.0, p.challenger_loss] for p in known]).mean(0)
    theirs = f"the champion's {'with the head that follows the labels ' if by_head else ''}{scores[0]:.3f}"
    opening = (
        f"On {_counted(len(known), 'example')}{_sources(known)} the challenger's mean score is {scores[1]:.3f} and "
        f"{theirs} ({difference:+.3f}, 90 % interval {low:+.3f} to {high:+.3f})"
    )
    return Comparison(
        verdict=verdict,
        reason=f"{opening}: {reason}.{_lost(classes)}",
        examples=len(known),
        groups=len(paired.sums),
        challenger_score=float(scores[1]),
        champion_score=float(scores[0]),
        difference=difference,
        low=low,
        high=high,
        probability=probability,
        classes=tuple(classes),
    )


def _verdict(
    difference: float,
    low: float,
    high: float,
    sums: np.ndarray,
    half: int,
    margin: float,
    examples: int,
    collapsed: Sequence[ClassChange],
    recall: float,
    few: int,
) -> tuple[Verdict, str]:
    changes = sums[:, half + 1] - sums[:, 1]
    if len(sums) < FEW_GROUPS:
        won, lost = int((changes > 1e-12).sum()), int((changes < -1e-12).sum())
        for verdict, hits in (("better", won), ("worse", lost)):
            if hits and stats.binomtest(hits, won + lost, alternative="greater").pvalue <= 0.05:
                return verdict, f"few, but {hits} of the {won + lost} that changed got {verdict}"  # type: ignore[return-value]
        return _of_few(len(sums), difference, collapsed)
    if collapsed:
        worst = min(collapsed, key=lambda change: change.change)
        more = f", and {len(collapsed) - 1} more" if len(collapsed) > 1 else ""
        return "worse", (
            f"{worst.label!r} falls from F1 {worst.champion_f1:.2f} to {worst.challenger_f1:.2f} "
            f"on {worst.gold:g} gold labels{more}"
        )
    if low > 0:
        return "better", "it is better"
    if len(sums) < few:
        return _among_few(difference, high, recall, few)
    if low >= -margin:
        return "not_worse", f"it is not worse by more than {margin:g}"
    if difference >= -1e-12:
        return "not_worse", "it does at least as well, though so few examples cannot prove it"
    if difference * examples >= -1 - 1e-9:
        return "not_worse", "a single answer is no reason against what has learnt from more labels"
    return "worse", f"it may be worse by more than {margin:g}" if high >= 0 else "it is worse"


def _lost(classes: Sequence[ClassChange]) -> str:
    """A sentence on what was forgotten without collapsing, the worst first."""
    found = sorted((each for each in classes if each.beyond_chance and each.change < 0), key=lambda each: each.change)
    found = [each for each in found if not each.collapsed]
    if not found:
        return ""
    named = ", ".join(
        f"{each.label!r} (F1 {each.champion_f1:.2f} to {each.challenger_f1:.2f} on {each.gold:g} gold labels)"
        for each in found[:_NAMED]
    )
    more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f" It loses beyond chance: {named}{more}."


def _among_few(difference: float, high: float, recall: float, least: int) -> tuple[Verdict, str]:
    few = f"fewer than {least} independent examples"
    if abs(difference) <= 1e-12:
        return "no_better", f"it does no better, and on {few} what is served keeps its place"
    if difference < 0:
        return "worse", "it is worse" if high < 0 else f"it does worse, and {few} give it no benefit of the doubt"
    if recall < -1e-12:
        return "no_better", (
            f"it wins where labels are many and loses where they are few ({recall:+.3f} in the mean over classes), and "
            f"on {few} what is served keeps its place"
        )
    return "not_worse", "it does better, though so few examples cannot prove it"


def _recall(totals: np.ndarray, half: int) -> float:
    """What the mean recall over the classes that have gold units gains."""
    champion, challenger = totals[2:half].reshape(-1, 3), totals[half + 2 :].reshape(-1, 3)
    gold = champion[:, 0] + champion[:, 2]
    there = gold > 0
    return float(((challenger[there, 0] - champion[there, 0]) / gold[there]).mean()) if there.any() else 0.0


def _is_single(pairs: Sequence[Pair]) -> bool:
    """Whether each example has one class of several, that was answered or not: a choice, not a rating's distance."""
    return all(
        p.challenger_loss in (0, 1) and sum(u.true_positives + u.false_negatives for u in p.challenger.values()) == 1
        for p in pairs
    )


def _sources(pairs: Sequence[Pair]) -> str:
    """Says where the challenger's answers are from, unless all are from the held-out part."""
    folded = sum(not pair.held_out for pair in pairs)
    return f" ({len(pairs) - folded} held out, {folded} by cross-validation)" if folded else ""


def _of_few(groups: int, difference: float, collapsed: Sequence[ClassChange]) -> tuple[Verdict, str]:
    """A project of few different texts has no more to decide by: what is served keeps its place on a tie."""
    unknown = f"of {_counted(groups, 'independent example')}, which says nothing about texts unlike them"
    if collapsed:
        return "worse", f"{collapsed[0].label!r} is lost {unknown}"
    if difference > 1e-12:
        return "not_worse", f"it does better {unknown}"
    return "too_few" if difference >= -1e-12 else "worse", f"it does no better {unknown}"


def _alone(pairs: Sequence[Pair]) -> Comparison:
    """Without a champion the challenger only has to do better than guessing."""
    groups = len({pair.group for pair in pairs})
    if not pairs:
        reason = "There is no example to measure the challenger on: label more."
        return Comparison(verdict="too_few", reason=reason, examples=0, groups=0, challenger_score=0.0)
    score = 1 - float(np.mean([pair.challenger_loss for pair in pairs]))
    labels = {label for pair in pairs for label in pair.challenger}
    # one unit of one class right or wrong on every example: a choice, which guessing gets right now and then
    single = _is_single(pairs)
    chance = 1 / len(labels) if single and len(labels) > 1 else 0.0
    good = score > chance
    reason = (
        f"There is no champion yet; the challenger's mean score is {score:.3f} on {_counted(len(pairs), 'example')}, "
        f"{'more than' if good else 'no more than'} guessing would ({chance:.3f})."
    )
    return Comparison(
        verdict="better" if good else "worse",
        reason=reason,
        examples=len(pairs),
        groups=groups,
        challenger_score=score,
    )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

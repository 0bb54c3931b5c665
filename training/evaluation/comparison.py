"""Champion against challenger on the same examples: is the challenger better, beyond what chance brings?

What is served keeps its place until a challenger has beaten it. The paired differences of near-duplicate groups are
held against chance by a randomisation test (`randomisation`; where answers are right or wrong it is the exact sign
test), at what this look may spend of one level that all looks at the champion share (`looks`). So chance promotes
nothing however many rounds there are; what is a little better waits for the labels that show it. Where the level is
.2, a challenger that is better by .05 and answers a tenth of the texts otherwise is promoted on 1.05 times as many
texts as a single test at .05 needs, at its champion's first look, and 1.4 times as many at the second
(`benchmarks.honest`). On few examples, of labels that have grown, more is allowed. A `margin` lets pass what is not
worse by more than that, again and again: a way down, and 0. What answers out of fold knows a third less than what would
be served, and seems worse by about as much as a margin: where there is one, no more of that is looked at than fills up
what is held out to fifty.

Below ten groups no test can tell: no round starts on so few (`sufficiency`) unless the project has not many more
different texts, and then whatever does better on them is the better bet. The reason says that it knows nothing about
others. Below fifty groups a challenger must, where each example has one class, not be worse in the mean recall of the
classes either, by more than the margin: the first labels of a project are few and skewed, and a challenger that has
learnt their skew looks better on them than it is.

A class that collapses does not hide in the mean: a class with at least five gold units whose F1 falls by more than
`floor` rejects the challenger where the interval of its fall lies wholly below zero. The intervals are by a cluster
bootstrap over the groups (Koehn 2004, Berg-Kirkpatrick et al. 2012). Resamples without a gold unit of
the class say nothing about it and are left out. So does a slice that people
named, by its mean score: nobody sees that a challenger is better for most and worse for those who write from a phone
unless that is asked for. The intervals are not corrected for looking at many classes:
simulated with 77 classes of 5 units and 15 % of the answers drawn anew, a challenger as good as its champion is
rejected for a class in 3 % of rounds and 94 % of true collapses are found; Bonferroni would find 40 % (10 runs).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from labelwheel.training.evaluation import left_behind
from labelwheel.training.evaluation.left_behind import SliceChange
from labelwheel.training.evaluation.looks import DISCARDED, FEW_GROUPS, LEVEL, UNLEARNT_LEVEL, UNSPENT, allowed
from labelwheel.training.evaluation.paired import ClassChange, Paired
from labelwheel.training.evaluation.randomisation import least, p_value
from labelwheel.training.kinds.base import Score
from labelwheel.training.questions import Frozen
from labelwheel.training.spec import NamedSlice, Pair
from labelwheel.training.sufficiency import DECIDING_GROUPS, filling

_NAMED = 3

Verdict = Literal["better", "not_worse", "no_better", "worse", "too_few"]
PASSING = ("better", "not_worse")


class Comparison(Frozen):
    """The verdict and what it rests on; scores are means of 1 - loss, differences are challenger minus champion.

    `champion_score` and the difference are None where there is no champion. `p_value` is how often chance alone would
    bring as much, `allowed` how often it may at this `look`, the how-manieth at the champion, or 0 where it spends
    nothing of what all looks share.
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
    p_value: float | None = None
    allowed: float | None = None
    look: int = 1
    classes: tuple[ClassChange, ...] = ()
    slices: tuple[SliceChange, ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the challenger may replace the champion, as far as the numbers go."""
        return self.verdict in PASSING


def compare(
    pairs: Sequence[Pair],
    *,
    floor: float = 0.10,
    level: float = LEVEL,
    look: int = 1,
    grown: bool = False,
    unlearnt: bool = False,
    margin: float = 0.0,
    by_head: bool = False,
    unrivalled: bool = False,
    slices: Sequence[NamedSlice] = (),
    seed: int = 13,
) -> Comparison:
    """Compares on the pairs that the champion was measured on; without any, only a sanity floor is asked for.

    `look` is the how-manieth challenger of this champion it is, from 1; all share the `level`. Where the labels have
    `grown` and examples are few, it is an early one instead; an `unlearnt` one, whose encoder is as it was before any
    label where heads follow the labels, has none then and spends none later, unless there is a margin. `by_head` has
    the reason say that a fast head answered for the champion, `unrivalled` that there is none and what the pairs have
    in its place is no suggestion. None of the `slices` may be left behind.
    """
    known = [pair for pair in pairs if pair.champion_loss is not None]
    if not known:
        return _alone(pairs)
    known = _hardly_folded(known) if margin > 0 else known
    paired = Paired.of(
        [pair.group for pair in known],
        [Score(pair.champion_loss or 0.0, pair.champion) for pair in known],
        [Score(pair.challenger_loss, pair.challenger) for pair in known],
        seed,
    )
    difference, (low, high) = paired.difference, paired.interval
    classes = paired.classes(floor)
    collapsed = [change for change in classes if change.collapsed]
    parts = [left_behind.in_pairs(named, known, floor, seed) for named in slices]
    behind = [change for change in parts if change.left_behind]
    chance = p_value(paired.gains + margin, seed)
    groups = len(paired.sums)
    few = groups < FEW_GROUPS
    unheard = few and unlearnt and margin <= 0 and groups >= DECIDING_GROUPS
    aside = grown and unlearnt and not few and margin <= 0
    look = UNSPENT if aside or (few and grown and not unlearnt) else look
    most = 0.0 if unheard else min(level, UNLEARNT_LEVEL) if aside else allowed(level, look)
    errors = groups if margin > 0 else paired.errors
    spent = UNSPENT if least(errors) > most or chance > DISCARDED + 1e-12 else look
    recall = _recall(paired.totals, paired.half) if few and _is_single(known) else 0.0
    verdict: Verdict
    if collapsed:
        verdict, reason = "worse", _fallen(collapsed)
    elif behind:
        verdict, reason = "worse", left_behind.refusal(behind)
    elif groups < DECIDING_GROUPS:
        verdict, reason = _of_few(groups, difference + margin)
    elif unheard and difference > 0:
        verdict, reason = "no_better", _UNHEARD
    else:
        when = (
            f"at look {look}" if look != UNSPENT else "where no encoder has learnt" if aside else "where labels are few"
        )
        verdict, reason = _verdict(difference, high, margin, chance, most, when)
    if verdict in PASSING and recall < -margin - 1e-12:
        verdict, reason = "no_better", _skewed(recall)
    scores = 1 - np.array([[p.champion_loss or 0.0, p.challenger_loss] for p in known]).mean(0)
    theirs = f"the champion's {'with the head that follows the labels ' if by_head else ''}{scores[0]:.3f}"
    if unrivalled:
        theirs = f"that of no suggestion {scores[0]:.3f}"
    opening = (
        f"On {_counted(len(known), 'example')}{_sources(known)} the challenger's mean score is {scores[1]:.3f} and "
        f"{theirs} ({difference:+.3f}, 90 % interval {low:+.3f} to {high:+.3f})"
    )
    return Comparison(
        verdict=verdict,
        reason=f"{opening}: {reason}.{_lost(classes)}{left_behind.told(parts)}",
        examples=len(known),
        groups=groups,
        challenger_score=float(scores[1]),
        champion_score=float(scores[0]),
        difference=difference,
        low=low,
        high=high,
        p_value=chance,
        allowed=most,
        look=spent,
        classes=tuple(classes),
        slices=tuple(parts),
    )


_UNHEARD = (
    f"it does better, but its encoder has learnt nothing, and on fewer than {FEW_GROUPS} independent examples heads "
    "that follow the labels keep their place: they know as much"
)


def _verdict(
    difference: float, high: float, margin: float, chance: float, most: float, when: str
) -> tuple[Verdict, str]:
    told = f"chance alone brings as much in {_percent(chance)} of cases, {_percent(most)} are allowed {when}"
    if chance <= most:
        if margin > 0 and difference <= 0:
            return "not_worse", f"it is not worse by more than {margin:g} ({told})"
        return "better", f"it is better ({told})"
    if abs(difference) <= 1e-12:
        return "no_better", "it does no better, and what is served keeps its place"
    if difference > 0:
        return "no_better", f"it does better, but what is served keeps its place until that is sure ({told})"
    return "worse", "it is worse" if high < 0 else "it does worse"


def _hardly_folded(pairs: Sequence[Pair]) -> list[Pair]:
    held_out, folded = [p for p in pairs if p.held_out], [p for p in pairs if not p.held_out]
    return held_out + folded[: filling(pair.group for pair in held_out)]


def _skewed(recall: float) -> str:
    return (
        f"it wins where labels are many and loses where they are few ({recall:+.3f} in the mean over classes), and on "
        f"fewer than {FEW_GROUPS} independent examples what is served keeps its place"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share >= 0.001 else "less than 0.1 %"


def _fallen(collapsed: Sequence[ClassChange]) -> str:
    worst = min(collapsed, key=lambda change: change.change)
    more = f", and {len(collapsed) - 1} more" if len(collapsed) > 1 else ""
    return (
        f"{worst.label!r} falls from F1 {worst.champion_f1:.2f} to {worst.challenger_f1:.2f} "
        f"on {worst.gold:g} gold labels{more}"
    )


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


def _of_few(groups: int, difference: float) -> tuple[Verdict, str]:
    """A project of few different texts has no more to decide by: what is served keeps its place on a tie."""
    alone = "is independent" if groups == 1 else "are independent"
    unknown = f"only {groups} of them {alone}: that says nothing of texts unlike them"
    if difference > 1e-12:
        return "not_worse", f"it does better, though {unknown}"
    return "too_few" if difference >= -1e-12 else "worse", f"it does no better, and {unknown}"


def _alone(pairs: Sequence[Pair]) -> Comparison:
    """Without a champion the challenger only has to do as well as the same answer to all, or better than guessing."""
    groups = len({pair.group for pair in pairs})
    if not pairs:
        reason = "There is no example to measure the challenger on: label more."
        return Comparison(verdict="too_few", reason=reason, examples=0, groups=0, challenger_score=0.0)
    score = 1 - float(np.mean([pair.challenger_loss for pair in pairs]))
    constant = [pair.constant_loss for pair in pairs if pair.constant_loss is not None]
    if constant:
        chance = 1 - float(np.mean(constant))
        good = score >= chance - 1e-12
        beside = f"{'no less' if good else 'less'} than the same answer to all would have ({chance:.3f})"
    else:
        labels = {label for pair in pairs for label in pair.challenger}
        # one unit of one class right or wrong on every example: a choice, which guessing gets right now and then
        chance = 1 / len(labels) if _is_single(pairs) and len(labels) > 1 else 0.0
        good = score > chance
        beside = f"{'more than' if good else 'no more than'} guessing would ({chance:.3f})"
    reason = (
        f"There is no champion yet; the challenger's mean score is {score:.3f} on {_counted(len(pairs), 'example')}, "
        f"{beside}."
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

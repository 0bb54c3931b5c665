"""One level for all the looks that challengers get at one champion, so that chance does not win by asking often.

Alpha spending (Lan and DeMets 1983): the k-th look may spend a share of the level that falls with k ** 1.6, and all
together spend it once, so that the chance that a champion is ever replaced by what is no better stays below the level,
however many rounds there are. Levels that start anew with each round do not: a thousand rounds in which each challenger
is worse by .005 end far below where they began (`benchmarks.honest`).

A challenger that does no better on what is seen could never have passed, and spends nothing. Of those that are as good
as the champion half do better, so each look that counts may take half of its share (discarding: Tian and Ramdas 2021,
Online control of the familywise error rate, arXiv 1910.04900, whose exponent this is, too). Most challengers of a
project are behind, above all the first: of eleven on SST-2 four did better. That the looks see the same examples is not
in their proof: simulated, .15 of champions at most are replaced by one that is as good within a thousand rounds.

Early looks are another matter. On fewer than fifty independent examples nothing but a great leap is sure at such a
level, while what has learnt from a fifth more labels mostly is better: on the first hundred labels of TREC it cost .05
of what people were served. They pass at a level of their own and spend nothing. As each takes a fifth more labels than
the last look had, a project has a dozen of them in its life. Where fast heads follow the labels on the champion, a
challenger whose encoder has learnt nothing knows no more than they do, and would have them begin anew: on so few
examples it gets no look at all. In 40 whole loops without fine-tuning none of 200 such passed, and what they spent was
lacking where encoders had learnt: what is better by .05 takes 281 texts at the first look, and 541 at the sixth. On
more examples it spends nothing either, of labels that have grown, but has to be all the surer: it still passes where
heads are much worse than they should be.

Nor is a look spent where nothing could have passed it, as the champion errs on too few of the examples for a challenger
without an error to be sure. The champion alone says so, and nothing of the challenger: the bound holds.
"""

from __future__ import annotations

LEVEL = 0.2
"""Of chance in all looks at one champion. The first may take .044, about what a single test at .05 would."""

DISCARDED = 0.5
"""What chance alone brings more often than so is no look."""

_FADING, _TOTAL = 1.6, 2.28577
"""The exponent, and the sum of 1 / k ** 1.6 over all k."""

UNSPENT = 0
"""The number of a look that spends nothing, as early ones do; those that share the level are counted from 1."""

EARLY_LEVEL = 0.2
FEW_GROUPS = 50
"""Looks at fewer independent examples are early, where the labels have grown."""

UNLEARNT_LEVEL = 0.001
"""Of a look at a challenger whose encoder has learnt nothing, where heads follow the labels that have grown."""

GROWN = 1.2
"""So many times the labels of the look before."""


def allowed(level: float, look: int) -> float:
    """How likely chance may bring what the look with this number sees, for it to promote."""
    if look == UNSPENT:
        return max(EARLY_LEVEL, level)
    return level * DISCARDED / _TOTAL / look**_FADING


def has_grown(labels: int, before: int) -> bool:
    """Whether a look at so many labels can be early, after one at `before`."""
    return labels >= GROWN * before

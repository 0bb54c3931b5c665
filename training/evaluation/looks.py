"""One level for all the looks that challengers get at one champion, so that chance does not win by asking often.

The k-th look may spend 6 / (pi * k) ** 2 of the level. All together spend it once, so that by the union bound the
chance that a champion is ever replaced by what is no better stays below the level, however many rounds there are
(alpha spending: Lan and DeMets 1983). Levels that start anew with each round do not: a thousand rounds in which each
challenger is worse by .005 end far below where they began (`benchmarks.honest`).

Early looks are another matter. On fewer than fifty independent examples nothing but a great leap is sure at such a
level, while what has learnt from a fifth more labels mostly is better: on the first hundred labels of TREC it cost .05
of what people were served. They pass at a level of their own and spend nothing. As each takes a fifth more labels than
the last look had, a project has a dozen of them in its life. Where fast heads follow the labels on the champion, a
challenger whose encoder has learnt nothing knows no more than they do, and would have them begin anew: on so few
examples it gets no look at all. In 40 whole loops without fine-tuning none of 200 such passed, and what they spent was
lacking where encoders had learnt: what is better by .05 takes 253 texts at the first look, and 573 at the sixth. On
more examples it spends nothing either, of labels that have grown, but has to be all the surer: it still passes where
heads are much worse than they should be.

Nor is a look spent where nothing could have passed it, as the champion errs on too few of the examples for a challenger
without an error to be sure. The champion alone says so, and nothing of the challenger: the bound holds.
"""

from __future__ import annotations

import math

LEVEL = 0.1
"""Of chance in all looks at one champion. The first has .061 of it, about what a single test at .05 would take."""

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
    return level * 6 / (math.pi * look) ** 2


def has_grown(labels: int, before: int) -> bool:
    """Whether a look at so many labels can be early, after one at `before`."""
    return labels >= GROWN * before

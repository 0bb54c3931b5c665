"""The light gate: whether a newer head is served in its champion's place, on labels that neither has learnt.

What is compared is out of fold: what heads like it say of an example that they have not seen, and what the champion
says of an example that it cannot have learnt. Label names stay until labels have beaten them, plainly and with all
classes weighing the same: the first labels come as people find them, and a head that has only learnt which class they
began with would win by it. So labels that are mostly of one class count as few, and labels of one class alone as none:
nothing tells what sets it apart. A class with a single label is not
among those that weigh the same, for whatever is measured on it has never seen it: by such classes, heads that were .2
better on trec6 were as a rule kept away. A champion that was trained is replaced by what is better so far, too. What
is served stays until it is worse: by more than a standard error than a champion that was trained, by more than two than
the label names, which it has beaten before.

Names are to be beaten by half a standard error. What tells a head that has learnt too little is how the labels are
spread more than how far it is ahead of the names on a few (`benchmarks.light_gate` measures what passes); but what is
ahead by next to nothing was behind on other texts as often as not. On seven sets with 8 draws each, heads alone, what
people are shown was more than .02 worse at some point than before in .23 of the runs where anything above nothing
passed, .14 where half an error does, .11 where a whole one does. It costs .002 and .016 of accuracy at 16 labels, .001
and .007 at 32.

Where options are many, most classes have no label for long, a head hardly differs from the names, and half an error is
passed by chance in some thirty looks. How many texts are of such classes, the labels tell that are the only ones of
theirs (Good 1953), and by as much more names are to be beaten. On clinc150 and banking77 (150 and 77 options, 5 draws
each, 9 counts up to 128 labels) what people are shown then falls by more than .02 in one run of 10, and in 4 without;
its accuracy is .674 and .628 at 64 labels (.672, .627 without), .676 and .635 at 128 (.675, .635). With two to seven
options no figure changes. Where several options may fit, labels do not tell that, and it would cost: on goemotions .283
became .192 at 16 labels.

What is served is looked at again with every sixteenth label more, twenty times up to 64 labels: by one standard error
it was taken back by chance, as on sst2, where names of .671 came back for a head of .733. With two, what people are
shown is better by .000 to .004 at 64 labels, and as many of 151 runs have a fall of more than .02 (16, and 17).
By 2.6, as often as twenty looks may err together, the one head that is taken back in 40 whole loops
(`benchmarks.honest`), wrongly, is so with four labels more: the first 48 are unlike the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Prediction, Question
from labelwheel.training.spec import LabelledExample

LEAST = 8
"""Labels, below which nothing can be told."""

AHEAD, BEHIND = 0.5, 2.0
"""Standard errors by which label names are beaten, and by which what is served has become worse."""

UNKNOWN = 1.5
"""As many standard errors more are asked for as the share of texts whose class has no label yet, times this."""

LEAST_AGAINST_NAMES = 10
"""Labels, below which the label names stay in any case."""

EVEN, WORTH = 0.6, 13
"""Labels count against names where they are worth this share of their number, or so many in all, counted as classes
that weigh the same make them worth (Kish 1965). Of six or seven classes, 16 to 32 labels that came by chance are worth
.7 to .9 of their number; where half are of one class and a quarter of another, .4 to .6."""


class Verdict(NamedTuple):
    """The gate's word: `gain` is how much less is lost for each label than by the champion, `error` its standard error.

    Both with all classes weighing the same; `examples` is how many labels that rests on.
    """

    passes: bool
    reason: str
    gain: float
    error: float
    examples: int


def judge(
    question: Question,
    rows: Sequence[LabelledExample],
    head: Sequence[Prediction],
    champion: Sequence[Prediction],
    named: bool,
    served: bool,
) -> Verdict:
    """Predictions of a head and of its champion for the same labelled examples, in order.

    `named` tells that the champion is the label names, `served` that heads like this one are served already.
    """
    kind = kind_of(question)
    if len(rows) < LEAST:
        return Verdict(False, f"{len(rows)} labels say nothing yet: {LEAST} are needed", 0.0, 0.0, len(rows))
    losses = [
        [kind.score(question, row.example, row.answer, one).loss for row, one in zip(rows, said, strict=True)]
        for said in (champion, head)
    ]
    gains = np.asarray(losses[0]) - np.asarray(losses[1])
    strata = kind.strata([row.answer for row in rows])
    counts = Counter(strata)
    weights = np.asarray([1.0 / counts[name] for name in strata])
    learnable = np.asarray([counts[name] > 1 for name in strata])
    plain = _mean(gains, np.ones(len(gains)))
    even = _mean(gains[learnable], weights[learnable]) if learnable.any() else plain
    least = min(plain[0], even[0])
    error = max(plain[1], even[1])
    told = f"{least:+.3f} ± {error:.3f} a label on {len(rows)} labels out of fold"
    if served:
        passes = least >= -(BEHIND if named else 1.0) * error
        reason = f"it keeps its place: {told}" if passes else f"it has become worse than its champion: {told}"
    elif named:
        several = len(counts) > 1 or not kind.named
        spread = several and _worth(weights) >= min(WORTH, EVEN * len(rows))
        unknown = sum(count == 1 for count in counts.values()) / len(rows) if kind.exclusive else 0.0
        passes = least > (AHEAD + UNKNOWN * unknown) * error and spread and len(rows) >= LEAST_AGAINST_NAMES
        most = "most" if several else "all"
        yet = (
            "the label names are not beaten yet"
            if spread
            else f"{most} labels are of one class, so that the names stay"
        )
        reason = f"{'labels are ahead of the label names' if passes else yet}: {told}"
    else:
        passes = least > 0
        reason = f"it is ahead of its champion: {told}" if passes else f"it is not ahead of its champion: {told}"
    return Verdict(passes, reason, least, error, len(rows))


def _mean(gains: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """A weighted mean, and its standard error."""
    mean = float(np.average(gains, weights=weights))
    error = float(np.sqrt(np.average((gains - mean) ** 2, weights=weights) / _worth(weights)))
    return mean, max(error, 1e-9)


def _worth(weights: np.ndarray) -> float:
    """Of how many examples of equal weight a mean is as sure."""
    return float(weights.sum() ** 2 / (weights**2).sum())

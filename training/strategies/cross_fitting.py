"""What a round's proposal says of examples that neither its model nor the choice of its strategy has learnt from.

The best of several strategies looks better than it is on the very examples that it was chosen by. So the choice is made
anew for each fold, by all others: what is then said of the fold is what such a choice is worth (cross-fitting;
Chernozhukov et al. 2018, arXiv 1608.00060). Strategies that are equally good take turns, and none gains by chance.
"""

from __future__ import annotations

from collections.abc import Sequence

from labelwheel.training.questions import Prediction
from labelwheel.training.strategies.outcome import Outcome, choose
from labelwheel.training.strategies.validation import Layout

_FOLDS = 5


def answers(
    layout: Layout, outcomes: Sequence[Outcome], fresh_only: frozenset[str] = frozenset()
) -> dict[int, Prediction]:
    """By example number, before any is hidden; without those that the strategy chosen for them was not measured on.

    The outcomes are those that `choose` chose from, in its order.
    """
    if len(outcomes) == 1:
        return dict(zip(outcomes[0].indices, outcomes[0].whole, strict=True))
    there = sorted({index for each in outcomes for index in each.indices})
    found: dict[int, Prediction] = {}
    for others, fold in layout.folds(_FOLDS, there) if there else []:
        best = choose(outcomes, fresh_only, among=set(others)).outcome
        said = dict(zip(best.indices, best.whole, strict=True))
        found |= {index: said[index] for index in fold if index in said}
    return found

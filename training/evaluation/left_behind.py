"""What a challenger wins and loses on a slice that people named: the gate refuses one that leaves it behind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelwheel.training.evaluation import named_slices
from labelwheel.training.evaluation.paired import Paired
from labelwheel.training.kinds.base import Score
from labelwheel.training.questions import Frozen
from labelwheel.training.spec import NamedSlice, Pair

SLICE_GROUPS = 5
"""Of fewer independent examples of a slice nobody can tell."""


class SliceChange(Frozen):
    """One slice under both models, by mean score. `low` and `high` bound the change at 90 %.

    `left_behind` forbids promotion. Without an example in it the scores are None.
    """

    slice: NamedSlice
    examples: int
    groups: int
    champion_score: float | None = None
    challenger_score: float | None = None
    low: float = -1.0
    high: float = 1.0
    left_behind: bool = False

    @property
    def change(self) -> float:
        """What the challenger wins (or, negative, loses) in mean score."""
        return (self.challenger_score or 0.0) - (self.champion_score or 0.0)


def change_of(
    named: NamedSlice,
    groups: Sequence[str],
    champion: Sequence[float],
    challenger: Sequence[float],
    floor: float,
    seed: int,
) -> SliceChange:
    """A slice by both models' losses on its examples; left behind where it loses more than `floor` beyond chance."""
    if not groups:
        return SliceChange(slice=named, examples=0, groups=0)
    paired = Paired.of(groups, [Score(loss) for loss in champion], [Score(loss) for loss in challenger], seed)
    low, high = paired.interval
    fallen = len(paired.sums) >= SLICE_GROUPS and paired.difference < -floor and high < 0
    scores = 1 - np.array([champion, challenger]).mean(1)
    return SliceChange(
        slice=named,
        examples=len(groups),
        groups=len(paired.sums),
        champion_score=float(scores[0]),
        challenger_score=float(scores[1]),
        low=low,
        high=high,
        left_behind=bool(fallen),
    )


def in_pairs(named: NamedSlice, pairs: Sequence[Pair], floor: float, seed: int) -> SliceChange:
    """The same from the pairs that a gate has."""
    here = [pair for pair in pairs if named_slices.holds(named, pair.slices)]
    champion, challenger = [pair.champion_loss or 0.0 for pair in here], [pair.challenger_loss for pair in here]
    return change_of(named, [pair.group for pair in here], champion, challenger, floor, seed)


def refusal(behind: Sequence[SliceChange]) -> str:
    """Why a challenger is refused that leaves slices behind."""
    named = ", ".join(f"'{change.slice}'" for change in behind)
    return f"it leaves behind {named}, which LABELWHEEL_SLICES names"


def told(parts: Sequence[SliceChange]) -> str:
    """A sentence on each slice that people named."""
    return "".join(f" '{change.slice}': {_words(change)}." for change in parts)


def _words(change: SliceChange) -> str:
    if change.champion_score is None or change.challenger_score is None:
        return "no example was measured"
    examples = f"{change.examples:,} example{'' if change.examples == 1 else 's'}"
    return (
        f"{change.champion_score:.2f} to {change.challenger_score:.2f} on {examples} "
        f"(90 % interval of the change {change.low:+.2f} to {change.high:+.2f})"
    )

"""Whether other arithmetic may be served: it has to say what fp32 says.

Two things have to hold on examples that people labelled. At least 99 % of the answers are the same; and no score's
interval is worse, which means that neither the mean score nor the F1 of any class falls by more than chance explains
(the 90 % interval of the paired difference does not lie wholly below zero, see `evaluation.comparison`).
"""

from __future__ import annotations

from collections.abc import Sequence

from labelwheel.training.evaluation import comparison
from labelwheel.training.kinds.base import QuestionKind
from labelwheel.training.questions import Frozen, Prediction, Question
from labelwheel.training.spec import LabelledExample, Pair

SHARE = 0.99
ENOUGH = 100
"""With so many examples and 99 % of them the same, nineteen in twenty such checkpoints truly agree on 95 % or more."""


class Agreement(Frozen):
    """Whether it says the same as fp32, why, and what that rests on; scores are means of 1 - loss."""

    holds: bool
    reason: str
    examples: int
    same: int
    fp32_score: float | None = None
    score: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def share(self) -> float:
        """Of the answers that are the same."""
        return self.same / self.examples if self.examples else 0.0


def judge(
    question: Question,
    kind: QuestionKind,
    rows: Sequence[LabelledExample],
    fp32: Sequence[Prediction],
    other: Sequence[Prediction],
    name: str = "int8",
    seed: int = 13,
) -> Agreement:
    """What `name` answers against fp32 on the same examples, in their order."""
    same = sum(_same(question, kind, row, one, two) for row, one, two in zip(rows, fp32, other, strict=True))
    if len(rows) < ENOUGH:
        why = f"{len(rows)} examples are too few to tell whether {name} says the same: {ENOUGH} are needed"
        return Agreement(holds=False, reason=why, examples=len(rows), same=same)
    pairs = []
    for row, one, two in zip(rows, fp32, other, strict=True):
        before, after = (kind.score(question, row.example, row.answer, each) for each in (one, two))
        pairs.append(
            Pair(
                key=row.example.key, group=row.group, held_out=True, champion_loss=before.loss,
                challenger_loss=after.loss, champion=dict(before.units), challenger=dict(after.units),
            )
        )  # fmt: skip
    found = comparison.compare(pairs, seed=seed)
    worse = [change.label for change in found.classes if change.high < 0]
    told, holds = f"{same} of {len(rows)} answers are the same", False
    if same < SHARE * len(rows):
        why = f"only {told}; {SHARE:.0%} are needed"
    elif (found.high or 0.0) < 0:
        why = f"{told}, but {name} scores {found.difference:+.3f}, more than chance explains"
    elif worse:
        why = f"{told}, but {name} is worse at {', '.join(map(repr, worse[:3]))}"
    else:
        holds, why = True, f"{told}, and no score is worse"
    return Agreement(
        holds=holds, reason=why, examples=len(rows), same=same, fp32_score=found.champion_score,
        score=found.challenger_score, low=found.low, high=found.high,
    )  # fmt: skip


def _same(question: Question, kind: QuestionKind, row: LabelledExample, one: Prediction, other: Prediction) -> bool:
    if one.answer is None or other.answer is None:
        return one.answer is other.answer
    return kind.score(question, row.example, one.answer, other).loss <= kind.tolerance

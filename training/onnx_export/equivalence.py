"""Whether int8 may be served: it has to say what fp32 says.

Two things have to hold on examples that people labelled. At least 99 % of the answers are the same; and no score's
interval is worse, which means that neither the mean score nor the F1 of any class falls by more than chance explains
(the 90 % interval of the paired difference does not lie wholly below zero, see `evaluation.comparison`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labelwheel.training.evaluation import comparison
from labelwheel.training.kinds.base import QuestionKind
from labelwheel.training.questions import Frozen, Prediction, Question
from labelwheel.training.spec import LabelledExample, Pair

SHARE = 0.99
ENOUGH = 100
"""With so many examples and 99 % of them the same, nineteen in twenty such checkpoints truly agree on 95 % or more."""

Precision = Literal["int8", "fp32"]


class Agreement(Frozen):
    """Which precision is served, why, and what that rests on; scores are means of 1 - loss."""

    precision: Precision
    reason: str
    examples: int
    same: int
    fp32_score: float | None = None
    int8_score: float | None = None
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
    int8: Sequence[Prediction],
    seed: int = 13,
) -> Agreement:
    """Int8 against fp32 on the same examples, in their order."""
    same = sum(_same(question, kind, row, one, other) for row, one, other in zip(rows, fp32, int8, strict=True))
    if len(rows) < ENOUGH:
        why = f"{len(rows)} examples are too few to tell whether int8 says the same: {ENOUGH} are needed"
        return Agreement(precision="fp32", reason=why, examples=len(rows), same=same)
    pairs = []
    for row, one, other in zip(rows, fp32, int8, strict=True):
        before, after = (kind.score(question, row.example, row.answer, each) for each in (one, other))
        pairs.append(
            Pair(
                key=row.example.key, group=row.group, held_out=True, champion_loss=before.loss,
                challenger_loss=after.loss, champion=dict(before.units), challenger=dict(after.units),
            )
        )  # fmt: skip
    found = comparison.compare(pairs, seed=seed)
    worse = [change.label for change in found.classes if change.high < 0]
    told = f"{same} of {len(rows)} answers are the same"
    precision: Precision = "fp32"
    if same < SHARE * len(rows):
        why = f"only {told}; {SHARE:.0%} are needed"
    elif (found.high or 0.0) < 0:
        why = f"{told}, but int8 scores {found.difference:+.3f}, more than chance explains"
    elif worse:
        why = f"{told}, but int8 is worse at {', '.join(map(repr, worse[:3]))}"
    else:
        precision, why = "int8", f"{told}, and no score is worse"
    return Agreement(
        precision=precision, reason=why, examples=len(rows), same=same, fp32_score=found.champion_score,
        int8_score=found.challenger_score, low=found.low, high=found.high,
    )  # fmt: skip


def _same(question: Question, kind: QuestionKind, row: LabelledExample, one: Prediction, other: Prediction) -> bool:
    if one.answer is None or other.answer is None:
        return one.answer is other.answer
    return kind.score(question, row.example, one.answer, other).loss <= kind.tolerance

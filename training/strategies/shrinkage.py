"""How much the regression is held to the label names while labels are few, and when names had better be left out.

Below some labels a class a search by cross-validation is noise: its folds have a handful of examples, and what they
prefer changes from draw to draw. A fixed rule takes its place. The names count as two labels of the rarest class and
as sixteen labels in all, whichever keeps more of them; the pull to them is that of half an example; classes weigh the
same however often they were labelled, and biases are dear: the first labels come as people find them, not as the texts
are, and which classes are frequent is the first thing that a regression would learn from them.

`benchmarks.rounds` measures it on five sets of texts, random and skewed draws of 16 to 64 labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labelwheel.training.kinds.objectives import class_weights
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.regression import BIAS

if TYPE_CHECKING:
    from labelwheel.training.strategies.frozen_head import Frozen

FEW, FEW_A_CLASS = 32, 4
"""With fewer labels, in all or in the mean over classes, nothing is searched for."""

LEAST_TO_DROP = 16
"""With fewer labels the names stay: of 13 random ones of TREC's six classes, three draws in eight would drop good
names."""

_OF_A_CLASS, _IN_ALL = 2.0, 16.0
_PULL, _BIAS = 0.5, 10.0


@dataclass(frozen=True)
class Setting:
    """How the regression is held back: the names' share in the prior, and how strongly it is pulled there.

    Classes weigh by their count to the power of minus `balance`: 1 is the same for all. Without `named` the names have
    no say at all, not even on classes that nobody has used. `bias` is how much dearer a bias is than a weight.
    """

    share: float
    penalty: float
    balance: float = 0.5
    named: bool = True
    bias: float = BIAS


def is_few(problem: Problem, indices: Sequence[int]) -> bool:
    """Whether the fixed rule holds."""
    if not problem.kind.held_to_names:
        return False
    return len(indices) < max(FEW, FEW_A_CLASS * len(problem.id2label))


def held(problem: Problem, indices: Sequence[int], named: bool = True) -> Setting:
    """The fixed rule for some labels of a choice."""
    count = max(len(indices), 1)
    rarest = int(_counts(problem, indices).min())
    share = max(_OF_A_CLASS / (_OF_A_CLASS + rarest), _IN_ALL / (_IN_ALL + count)) if named else 0.0
    return Setting(share, _PULL / count, balance=1.0, named=named, bias=_BIAS if named else BIAS)


def misled(frozen: Frozen, indices: Sequence[int], folds: Sequence[Fold]) -> bool:
    """Whether the names do harm: they answer worse than the commonest label would, and it is not for lack of labels.

    Where people label one class most, it beats good names too. So either the names must do worse than chance, all
    classes weighing the same, or a regression without them must be better by more than a standard error, out of fold.
    """
    problem = frozen.problem
    if frozen.names is None or not problem.kind.held_to_names or len(indices) < LEAST_TO_DROP or not folds:
        return False
    targets = np.asarray([int(problem.targets[place]) for place in problem.encoded(indices)])
    counts = _counts(problem, indices)
    right = _right(frozen.logits(frozen.prior(1.0), indices), problem, indices)
    if right.sum() >= counts.max():
        return False
    weights = class_weights([targets], len(counts), 1.0)[targets]
    if float((weights * right).mean()) < 1 / np.count_nonzero(counts):
        return True
    measured = [index for _, measure in folds for index in measure]
    change = np.zeros(len(measured))
    for named, sign in ((True, -1.0), (False, 1.0)):
        logits: dict[int, np.ndarray] = {}
        for learn, measure in folds:
            logits |= frozen.logits(frozen.fit(learn, held(problem, learn, named)), measure)
        change += sign * _right(logits, problem, measured)
    place = {index: number for number, index in enumerate(indices)}
    change *= weights[[place[index] for index in measured]]
    return float(change.mean()) > max(float(change.std(ddof=1)) / np.sqrt(len(change)), 1e-9)


def _counts(problem: Problem, indices: Sequence[int]) -> np.ndarray:
    numbers = [int(problem.targets[place]) for place in problem.encoded(indices)]
    return np.bincount(numbers, minlength=len(problem.id2label))


def _right(logits: dict[int, np.ndarray], problem: Problem, indices: Sequence[int]) -> np.ndarray:
    return np.array([logits[place].argmax() == problem.targets[place] for place in problem.encoded(indices)], float)

"""What strategies learn from and are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labelwheel.training.strategies.folds import Fold, folds
from labelwheel.training.strategies.problem import Problem

MANY = 400
"""From so many examples on, the model that was measured on one validation part is the one to propose."""

FOLDS = 3
INNER_FOLDS = 5


@dataclass(frozen=True)
class Layout:
    """The parts of one problem, always the same for one seed."""

    problem: Problem
    seed: int

    @property
    def is_light(self) -> bool:
        """Whether each strategy can learn several times."""
        return len(self.problem) <= self.problem.kind.light

    @property
    def nests(self) -> bool:
        """Whether the regression's strength is found anew inside each part."""
        return self.is_light and self.problem.kind.nests

    def parts(self) -> list[Fold]:
        """What all strategies are measured on: every example in turn, or one fifth where that takes too long."""
        return self.folds(FOLDS) if self.is_light else self.folds(5)[:1]

    def measured(self) -> list[int]:
        """The examples of all parts, in order."""
        return sorted(index for _, measure in self.parts() for index in measure)

    def inner(self, indices: Sequence[int] | None = None) -> list[Fold]:
        """What the regression's strength is found on: inside of some examples, or of all."""
        return self.folds(INNER_FOLDS, indices) if self.nests else self.parts()

    def folds(self, count: int, indices: Sequence[int] | None = None) -> list[Fold]:
        """Stratified folds of some examples, or of all."""
        chosen = range(len(self.problem)) if indices is None else indices
        strata = [self.problem.strata[index] for index in chosen]
        groups = [self.problem.rows[index].group for index in chosen]
        return [
            ([chosen[place] for place in learn], [chosen[place] for place in measure])
            for learn, measure in folds(strata, groups, count, self.seed)
        ]

    def fresh_parts(self) -> list[Fold]:
        """Folds of what is newer than the champion; what it knows already is always learnt from."""
        rows = self.problem.rows
        found = []
        for learn, measure in self.folds(FOLDS, [index for index, row in enumerate(rows) if row.fresh]):
            apart = {rows[index].group for index in measure}
            known = [index for index, row in enumerate(rows) if not row.fresh and row.group not in apart]
            found.append((known + learn, measure))
        return found

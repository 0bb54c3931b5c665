"""What candidates learn from and are measured on, and how many epochs fit into the time."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from labelwheel.training.questions import Kind
from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.strategies.folds import Fold, folds
from labelwheel.training.strategies.problem import Problem

logger = logging.getLogger(__name__)

MANY = 400
"""From so many examples on, one validation part replaces the folds."""

MANY_SPANS = 80
"""For spans, which take many epochs, and have a label for each token."""

FOLDS = 3
INNER_FOLDS = 5


@dataclass(frozen=True)
class Plan:
    """Parts to measure a candidate on; `keep` says that the model of the only part is the candidate's model."""

    parts: list[Fold]
    keep: bool
    settings: Settings


@dataclass(frozen=True)
class Layout:
    """The parts of one problem, always the same for one seed."""

    problem: Problem
    seed: int

    @property
    def is_light(self) -> bool:
        """Whether each candidate can be learnt several times."""
        return len(self.problem) <= (MANY_SPANS if self._is_spans else MANY)

    @property
    def nests(self) -> bool:
        """Whether the regression's strength is found anew inside each part; a token's labels are too many for that."""
        return self.is_light and not self._is_spans

    def parts(self) -> list[Fold]:
        """What all candidates are measured on: every example in turn, or one fifth where that takes too long."""
        return self.folds(FOLDS) if self.is_light else self.folds(5)[:1]

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

    def plan(self, settings: Settings, step: float, seconds: float, fresh: bool) -> Plan:
        """What fits into some seconds at so many a step; raises TimeoutError where not even one epoch does.

        Folds with a final training on all; with many examples one validation part, whose model is kept; fewer epochs
        where time is short. A start from the champion can only be measured on what is `fresh`.
        """
        size, batch = len(self.problem), settings.batch_size * settings.accumulation

        def steps(parts: Sequence[Fold], keep: bool) -> int:
            return sum(math.ceil(len(learn) / batch) for learn, _ in parts) + (0 if keep else math.ceil(size / batch))

        parts, keep = (self.fresh_parts(), False) if fresh else (self.parts(), size > MANY)
        if not fresh and steps(parts, keep) * settings.epochs * step > seconds:
            parts, keep = self.folds(5)[:1], True
        epoch = steps(parts, keep)
        epochs = min(settings.epochs, int(seconds / max(epoch * step, 1e-9)))
        logger.info("%.2f s a step, %d steps an epoch, at most %d of %d epochs", step, epoch, epochs, settings.epochs)
        if epochs < 1 or not parts:
            raise TimeoutError(f"one epoch takes about {epoch * step:.0f} s and {max(seconds, 0):.0f} s are left")
        return Plan(parts, keep, replace(settings, epochs=epochs))

    @property
    def _is_spans(self) -> bool:
        return self.problem.question.kind is Kind.SPANS

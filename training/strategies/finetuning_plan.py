"""How long an encoder is trained: the schedule for a problem, and how many epochs of it fit into the time."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.validation import MANY, Layout

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """Parts to measure a strategy on; `keep` says that the model of the only part is the one to propose."""

    parts: list[Fold]
    keep: bool
    settings: Settings


def schedule(problem: Problem, seed: int) -> Settings:
    """How the whole encoder is trained where there is time enough."""
    plan = problem.kind.schedule(len(problem))
    return Settings(seed=seed, epochs=plan.epochs, rate=plan.rate, patience=plan.patience, batch_size=plan.batch_size)


def plan(layout: Layout, settings: Settings, step: float, seconds: float, fresh: bool) -> Plan:
    """What fits into some seconds at so many a step; raises TimeoutError where not even one epoch does.

    Folds with a final training on all; with many examples one validation part, whose model is kept; fewer epochs
    where time is short. A start from the champion can only be measured on what is `fresh`.
    """
    size, batch = len(layout.problem), settings.batch_size * settings.accumulation

    def steps(parts: Sequence[Fold], keep: bool) -> int:
        return sum(math.ceil(len(learn) / batch) for learn, _ in parts) + (0 if keep else math.ceil(size / batch))

    parts, keep = (layout.fresh_parts(), False) if fresh else (layout.parts(), size > MANY)
    if not fresh and steps(parts, keep) * settings.epochs * step > seconds:
        parts, keep = layout.folds(5)[:1], True
    epoch = steps(parts, keep)
    epochs = min(settings.epochs, int(seconds / max(epoch * step, 1e-9)))
    logger.info("%.2f s a step, %d steps an epoch, at most %d of %d epochs", step, epoch, epochs, settings.epochs)
    if epochs < 1 or not parts:
        raise TimeoutError(f"one epoch takes about {epoch * step:.0f} s and {max(seconds, 0):.0f} s are left")
    return Plan(parts, keep, replace(settings, epochs=epochs))

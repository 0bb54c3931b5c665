"""All that a round tries on the training side, and what it proposes. The held-out part is never looked at here."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from training import encoders
from training.candidates.champion import grown
from training.candidates.finetuned import MANY, FineTuned, copier
from training.candidates.folds import Fold, folds
from training.candidates.frozen import Frozen, Setting
from training.candidates.outcome import Outcome, choose
from training.candidates.problem import Problem
from training.candidates.regression import Head
from training.errors import OutOfMemory
from training.evaluation.findings import Epoch, Trial
from training.learners import span_training
from training.loop import Settings
from training.model import Model, pad_token
from training.progress import Progress
from training.questions import Kind

logger = logging.getLogger(__name__)

FOLDS = 3
INNER_FOLDS = 5
LEAST_TUNED = 24
"""Fewer examples have no validation part to speak of."""

FROM_NAMES = "label names alone"
FROM_FROZEN = "regression on the frozen encoder"
FROM_BASE = "fine-tuned from the base model"
FROM_CHAMPION = "fine-tuned from the champion"

_SEARCH_SHARE = 0.2  # of the time for the regression's strength
_RESERVE_SHARE = 0.85  # of the time that is left may be planned with


@dataclass
class Proposal:
    """The challenger: a model on its labels, and how it was chosen. `outcome` has its out-of-fold predictions."""

    module: Any
    name: str
    recipe: str
    outcome: Outcome
    reason: str
    setting: Setting = field(default=Setting(1.0, math.inf))
    trials: list[Trial] = field(default_factory=list)
    curve: Sequence[Epoch] = ()
    notes: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Selection:
    """One round's tries on one problem. `base` is the base model with an untrained head, on the job's device."""

    problem: Problem
    base: Any
    tokenizer: Any
    frozen: Frozen
    champion: Model | None
    max_length: int
    seed: int
    deadline: float
    progress: Progress
    base_model: str = ""

    def propose(self) -> Proposal:
        """Try everything that the labels and the time allow, and train the best on all labels."""
        trials, notes = list[Trial](), list[str]()
        with self.progress.phase("Learning on the frozen encoder", 30):
            setting, cheap = self._cheap(trials)
        outcomes, tuned = [cheap], dict[str, tuple[FineTuned, Any, int]]()
        with self.progress.phase("Fine-tuning", 80):
            for candidate in (self._from_champion(notes), self._from_base(setting)):
                if candidate is None:
                    continue
                outcome, model, epochs = self._try(candidate, trials, notes)
                if outcome is not None:
                    outcomes.append(outcome)
                    tuned[candidate.name] = candidate, model, epochs
            choice = choose(outcomes, frozenset({FROM_CHAMPION}))
            winner, reason = choice.outcome, choice.reason
            if winner.name in tuned:
                try:
                    module = self._finish(*tuned[winner.name])
                    settings = {"epochs": tuned[winner.name][2], **_plain(tuned[winner.name][0].settings)}
                    found = Proposal(module, winner.name, "finetuned", winner, reason, setting, trials, winner.curve)
                    found.settings = settings
                    found.notes = notes
                    return found
                except (TimeoutError, OutOfMemory) as error:
                    reason = f"{winner.name} won, but {error}"
                    notes.append(reason)
        module = copy.deepcopy(self.base)
        head = self.frozen.written(self.frozen.fit(range(len(self.problem)), setting))
        encoders.write_head(module, head.weight, head.bias)
        curves = [outcome.curve for outcome in outcomes if outcome.curve]
        found = Proposal(module, cheap.name, "frozen", cheap, reason, setting, trials, curves[0] if curves else ())
        found.settings = {"names_share": setting.share, "penalty": setting.penalty}
        found.notes = notes
        return found

    def _cheap(self, trials: list[Trial]) -> tuple[Setting, Outcome]:
        begin = time.monotonic()
        seconds = _SEARCH_SHARE * max(self.deadline - begin, 1.0)
        parts = self._parts()
        setting = self.frozen.search(self._folds(INNER_FOLDS) if self._is_light() else parts, seconds)
        logits: dict[int, np.ndarray] = {}
        for number, (learn, measure) in enumerate(parts):
            # the setting is found anew without what is measured, or the regression would look better than it is
            inner = self.frozen.search(self._folds(INNER_FOLDS, learn), seconds) if self._is_light() else setting
            logits |= self.frozen.logits(self.frozen.fit(learn, inner), measure)
            self.progress.update((number + 1) / len(parts))
        measured = sorted(index for _, measure in parts for index in measure)
        if self.frozen.names is not None and measured:
            by_names = self.frozen.logits(self.frozen.prior(1.0), measured)
            trials.append(Outcome(FROM_NAMES, self.problem, measured, by_names).trial)
        detail = f"penalty {setting.penalty:g}, names' share {setting.share:g}, {len(parts)} validation part(s)"
        outcome = Outcome(FROM_FROZEN, self.problem, measured, logits, time.monotonic() - begin, detail)
        trials.append(outcome.trial)
        logger.info("%s: %s (%s)", outcome.name, _shown(outcome.trial.score), detail)
        return setting, outcome

    def _try(
        self, candidate: FineTuned, trials: list[Trial], notes: list[str]
    ) -> tuple[Outcome | None, Any | None, int]:
        begin = time.monotonic()
        try:
            parts, keep = self._plan(candidate)
            outcome, model, epochs = candidate.run(parts, keep)
        except (TimeoutError, OutOfMemory) as error:
            logger.warning("%s was given up: %s", candidate.name, error)
            trials.append(
                Trial(name=candidate.name, score=None, seconds=round(time.monotonic() - begin, 1), detail=str(error))
            )
            notes.append(f"{candidate.name} was given up: {error}")
            return None, None, 0
        trials.append(outcome.trial)
        logger.info("%s: %s (%s)", outcome.name, _shown(outcome.trial.score), outcome.detail)
        return outcome, model, epochs

    def _finish(self, candidate: FineTuned, model: Any | None, epochs: int) -> Any:
        module = model if model is not None else candidate.final(epochs)
        if self.problem.scale != 1.0 or self.problem.centre != 0.0:
            last = encoders.head(module)
            weight, bias = last.weight.detach().cpu().numpy(), last.bias.detach().cpu().numpy()
            encoders.write_head(module, weight * self.problem.scale, bias * self.problem.scale + self.problem.centre)
        return module

    def _plan(self, candidate: FineTuned) -> tuple[list[Fold], bool]:
        """Folds with a final training on all, or one validation part; fewer epochs where time is short."""
        step, size = candidate.step_seconds(), len(self.problem)
        settings = candidate.settings
        batch = settings.batch_size * settings.accumulation
        left = (self.deadline - time.monotonic()) * _RESERVE_SHARE
        parts, keep = self._parts(), len(self.problem) > MANY
        steps = sum(math.ceil(len(learn) / batch) for learn, _ in parts) + (0 if keep else math.ceil(size / batch))
        if steps * settings.epochs * step > left:
            parts, keep = self._folds(5)[:1], True
            steps = math.ceil(len(parts[0][0]) / batch)
        if candidate.name == FROM_CHAMPION:
            parts, keep = self._fresh_folds(), False
            steps = sum(math.ceil(len(learn) / batch) for learn, _ in parts) + math.ceil(size / batch)
        epochs = min(settings.epochs, int(left / max(steps * step, 1e-9)))
        logger.info(
            "%s: %.2f s a step, %d steps an epoch, %d epochs at most, %.0f s left",
            candidate.name, step, steps, epochs, left,
        )  # fmt: skip
        if epochs < 1:
            raise TimeoutError(f"one epoch takes about {steps * step:.0f} s and {max(left, 0):.0f} s are left")
        candidate.settings = replace(settings, epochs=epochs)
        return parts, keep

    def _from_base(self, setting: Setting) -> FineTuned | None:
        if not self._enough(len(self.problem), FROM_BASE):
            return None
        unit = self.frozen.unit
        start = Setting(0.0, span_training.PENALTY) if self._is_spans() else setting

        def head(learn: Sequence[int]) -> Head:
            found = self.frozen.fit(learn, start)
            return Head(found.weight / unit, found.bias)

        return self._candidate(FROM_BASE, self.base, head, unit)

    def _from_champion(self, notes: list[str]) -> FineTuned | None:
        champion = self.champion
        if champion is None or champion.manifest.recipe != "finetuned":
            return None
        manifest = champion.manifest
        if manifest.question.kind is not self.problem.question.kind or manifest.base_model != self.base_model:
            notes.append(f"{FROM_CHAMPION}: not tried, it has another base model or kind of question")
            return None
        fresh = sum(row.fresh for row in self.problem.rows)
        if fresh < LEAST_TUNED or not self._enough(len(self.problem), FROM_CHAMPION):
            notes.append(f"{FROM_CHAMPION}: not tried, {fresh} new label(s) are too few to measure it on")
            return None
        start = grown(champion, self.problem, self.tokenizer, self.max_length)
        found = self._candidate(FROM_CHAMPION, start, None, self.frozen.unit)
        settings = found.settings
        found.settings = replace(settings, epochs=max(3, settings.epochs // 2), head_rate=settings.head_rate / 4)
        return found

    def _candidate(self, name: str, start: Any, head: Any, unit: float) -> FineTuned:
        return FineTuned(
            name=name,
            problem=self.problem,
            start=copier(start, str(self.base.device)),
            head=head,
            pad_token_id=pad_token(self.tokenizer),
            feature_norm=unit,
            settings=self._settings(),
            deadline=self.deadline,
            progress=self.progress.update,
        )

    def _enough(self, size: int, name: str) -> bool:
        kinds = len(set(self.problem.strata))
        if size < LEAST_TUNED or kinds < 2:
            logger.info("%s: skipped, %d example(s) of %d class(es) are too few", name, size, kinds)
            return False
        return True

    def _settings(self) -> Settings:
        if not self._is_spans():
            return Settings(seed=self.seed)
        plan = span_training.schedule(len(self.problem))
        return Settings(
            seed=self.seed, epochs=plan.epochs, rate=plan.rate, patience=plan.patience, by_score=plan.by_score
        )

    def _is_spans(self) -> bool:
        return self.problem.question.kind is Kind.SPANS

    def _is_light(self) -> bool:
        """Whether each candidate can be learnt several times; spans take many epochs, and have a label per token."""
        return len(self.problem) <= MANY and not self._is_spans()

    def _parts(self) -> list[Fold]:
        """What all candidates are measured on: every example in turn, or one fifth where that takes too long."""
        return self._folds(FOLDS) if self._is_light() else self._folds(5)[:1]

    def _folds(self, count: int, indices: Sequence[int] | None = None) -> list[Fold]:
        chosen = range(len(self.problem)) if indices is None else indices
        strata = [self.problem.strata[index] for index in chosen]
        groups = [self.problem.rows[index].group for index in chosen]
        return [
            ([chosen[place] for place in learn], [chosen[place] for place in measure])
            for learn, measure in folds(strata, groups, count, self.seed)
        ]

    def _fresh_folds(self) -> list[Fold]:
        """Folds of what is newer than the champion; what it knows already is always learnt from."""
        rows = self.problem.rows
        found = []
        for learn, measure in self._folds(FOLDS, [index for index, row in enumerate(rows) if row.fresh]):
            apart = {rows[index].group for index in measure}
            known = [index for index, row in enumerate(rows) if not row.fresh and row.group not in apart]
            found.append((known + learn, measure))
        return found


def _plain(settings: Settings) -> dict[str, Any]:
    return dict(vars(settings))


def _shown(score: float | None) -> str:
    return "not measured" if score is None else f"{score:.3f}"

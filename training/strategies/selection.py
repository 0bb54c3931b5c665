"""All that a round tries on the training side, and what it proposes. The held-out part is never looked at here."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from labelwheel.training import encoders
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.evaluation.findings import Epoch, Trial
from labelwheel.training.kinds import span_training
from labelwheel.training.model import Model, pad_token
from labelwheel.training.progress import Progress
from labelwheel.training.questions import Kind
from labelwheel.training.strategies import label_names
from labelwheel.training.strategies.continued import grown
from labelwheel.training.strategies.finetuning import FineTuned, copier
from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.outcome import Outcome, choose
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.regression import Head
from labelwheel.training.strategies.shrinkage import Setting, is_few
from labelwheel.training.strategies.validation import MANY, Layout

logger = logging.getLogger(__name__)

LEAST_TUNED = 24
"""Fewer examples have no validation part to speak of."""

START_PENALTY = 0.003
"""A head that fits its labels too well leaves the encoder nothing to learn from (measured on SNIPS' training part)."""

FROM_NAMES = "label names alone"
FROM_FROZEN = "regression on the frozen encoder"
FROM_BASE = "fine-tuned from the base model"
FROM_CHAMPION = "fine-tuned from the champion"

_SEARCH_SHARE = 0.2  # of the time for the regression's strength
_PLANNED_SHARE = 0.85  # of the time that is left


@dataclass
class Proposal:
    """The challenger: a model on its labels, and how it was chosen. `outcome` has its out-of-fold predictions."""

    module: Any
    name: str
    recipe: str
    outcome: Outcome
    reason: str
    setting: Setting = field(default=Setting(1.0, float("inf")))
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

    @property
    def layout(self) -> Layout:
        """What candidates are measured on."""
        return Layout(self.problem, self.seed)

    def propose(self, tune: bool = True) -> Proposal:
        """Try everything that the labels and the time allow, and train the best on all labels.

        Without `tune` only the regression on the frozen encoder, which takes seconds.
        """
        trials, notes = list[Trial](), list[str]()
        with self.progress.phase("Learning on the frozen encoder", 30):
            setting, cheap = self._cheap(trials)
        outcomes, tuned = [cheap], dict[str, tuple[FineTuned, Any, int]]()
        if not setting.named:
            notes.append("the label names are left out: they answer worse than the commonest label alone would")
        dearer = (self._from_champion(notes), self._from_base(setting)) if tune else ()
        candidates = [each for each in dearer if each is not None]
        for number, candidate in enumerate(candidates, start=1):
            with self.progress.phase(f"Trying: {candidate.name}", 30 + 40 * number / len(candidates)):
                outcome, model, epochs = self._try(candidate, trials, notes)
            if outcome is not None:
                outcomes.append(outcome)
                tuned[candidate.name] = candidate, model, epochs
        choice = choose(outcomes, frozenset({FROM_CHAMPION}))
        winner, reason = choice.outcome, choice.reason
        if winner.name in tuned:
            try:
                with self.progress.phase("Training on all labels", 80):
                    module = self._finish(*tuned[winner.name])
                found = Proposal(module, winner.name, "finetuned", winner, reason, setting, trials, winner.curve)
                found.settings = {**vars(tuned[winner.name][0].settings), "epochs": tuned[winner.name][2]}
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
        found.settings = {"names_share": setting.share, "penalty": setting.penalty, "balance": setting.balance}
        found.notes = notes
        return found

    def _cheap(self, trials: list[Trial]) -> tuple[Setting, Outcome]:
        begin = time.monotonic()
        seconds = _SEARCH_SHARE * max(self.deadline - begin, 1.0)
        parts = self.layout.parts()
        everything = list(range(len(self.problem)))
        setting = self.frozen.search(everything, self.layout.inner(), seconds)
        logits: dict[int, np.ndarray] = {}
        for number, (learn, measure) in enumerate(parts):
            # the setting is found anew without what is measured, or the regression would look better than it is
            inner = self.frozen.search(learn, self.layout.inner(learn), seconds) if self.layout.nests else setting
            logits |= self.frozen.logits(self.frozen.fit(learn, inner), measure)
            self.progress.update((number + 1) / len(parts))
        measured = sorted(index for _, measure in parts for index in measure)
        if self.frozen.names is not None and measured:
            by_names = self.frozen.logits(self.frozen.prior(1.0), measured)
            settled = label_names.settled(self.problem.question.kind) or None
            trials.append(Outcome(FROM_NAMES, self.problem, measured, by_names, settled=settled).trial)
        detail = f"penalty {setting.penalty:.2g}, names' share {setting.share:.2g}, {len(parts)} validation part(s)"
        if is_few(self.problem, everything):
            detail += ", by a fixed rule: labels are too few to search for better"
        outcome = Outcome(FROM_FROZEN, self.problem, measured, logits, time.monotonic() - begin, detail)
        trials.append(outcome.trial)
        logger.info("%s: %s (%s)", outcome.name, _shown(outcome.trial.score), detail)
        return setting, outcome

    def _try(
        self, candidate: FineTuned, trials: list[Trial], notes: list[str]
    ) -> tuple[Outcome | None, Any | None, int]:
        begin = time.monotonic()
        try:
            step = candidate.step_seconds()
            left = (self.deadline - time.monotonic()) * _PLANNED_SHARE
            plan = self.layout.plan(candidate.settings, step, left, fresh=candidate.name == FROM_CHAMPION)
            candidate.settings = plan.settings
            outcome, model, epochs = candidate.run(plan.parts, plan.keep)
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

    def _from_base(self, setting: Setting) -> FineTuned | None:
        if not self._enough(len(self.problem), FROM_BASE):
            return None
        unit = self.frozen.unit
        start = replace(setting, penalty=max(setting.penalty, START_PENALTY))
        if self.problem.question.kind is Kind.SPANS:
            start = Setting(0.0, span_training.PENALTY)

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
            by_score=self.problem.question.kind is Kind.SPANS,
            progress=self.progress.update,
        )

    def _enough(self, size: int, name: str) -> bool:
        kinds = len(set(self.problem.strata))
        if size < LEAST_TUNED or kinds < 2:
            logger.info("%s: skipped, %d example(s) of %d class(es) are too few", name, size, kinds)
            return False
        return True

    def _settings(self) -> Settings:
        size = len(self.problem)
        if self.problem.question.kind is not Kind.SPANS:
            return Settings(seed=self.seed, batch_size=8 if size <= MANY else 16)
        plan = span_training.schedule(size)
        return Settings(seed=self.seed, epochs=plan.epochs, rate=plan.rate, patience=plan.patience, batch_size=16)


def _shown(score: float | None) -> str:
    return "not measured" if score is None else f"{score:.3f}"

"""What the strategies that train the encoder have in common, wherever they start from."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from labelwheel.training import encoders
from labelwheel.training.model import pad_token
from labelwheel.training.strategies import finetuning_plan, footprint
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.chain_on_top import ChainOnTop
from labelwheel.training.strategies.finetuning import FineTuned, copier
from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.knobs import BATCH, EPOCHS, HEAD_RATE, PULL, RATE, Knob
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.regression import Head
from labelwheel.training.strategies.shrinkage import Setting

logger = logging.getLogger(__name__)

FINETUNED = "finetuned"

LEAST_TUNED = 24
"""Fewer examples have no validation part to speak of."""

START_PENALTY = 0.003
"""A head that fits its labels too well leaves the encoder nothing to learn from (measured on SNIPS' training part)."""

PLANNED_SHARE = 0.85  # of the time that is left


class FineTuning(Strategy):
    """A subclass says by `start` what is trained."""

    recipe = FINETUNED
    cost = Cost.MINUTES
    knobs: ClassVar[tuple[Knob, ...]] = (RATE, EPOCHS, HEAD_RATE, BATCH, PULL)
    topped: ClassVar[bool] = True
    """Whether spans may have a chain on top, which reads a copy of each part's model."""

    def __init__(self, given: Materials) -> None:
        super().__init__(given)
        self._tuned: FineTuned | None = None
        self._module: Any = None
        self._epochs = 0
        self._top: ChainOnTop | None = None

    @abstractmethod
    def start(self) -> FineTuned:
        """The training, not begun yet; asked for once, by `measure`."""

    def measure(self) -> Outcome:
        """By cross-validation, or on one part, as many epochs as fit into the time that is left."""
        given = self.given
        tuned = self._tuned = self.start()
        step = tuned.step_seconds()
        given.notes.extend(filter(None, [tuned.weighed.sentence]))
        left = given.budget.seconds * PLANNED_SHARE
        plan = finetuning_plan.plan(given.layout, tuned.settings, step, left, fresh=self.continues)
        tuned.settings = plan.settings
        top = ChainOnTop(given) if self.topped and given.fits_whole and ChainOnTop.applies(given) else None
        if top is not None:
            tuned.heard = top.heard
        outcome, self._module, self._epochs = tuned.run(plan.parts, plan.keep)
        self._top = top
        return outcome if top is None else top.better(outcome)

    def finish(self) -> Finished:
        """Trained on all labels, unless the model that was measured has learnt from nearly all of them."""
        tuned, problem = self._tuned, self.given.problem
        assert tuned is not None
        tuned.deadline = self.given.budget.deadline  # a try may have had less time
        module = self._module if self._module is not None else tuned.final(self._epochs)
        if problem.scale != 1.0 or problem.centre != 0.0:
            weight, bias = encoders.read_head(module)
            encoders.write_head(module, weight * problem.scale, bias * problem.scale + problem.centre)
        used = vars(replace(tuned.settings, epochs=self._epochs))
        settings = {name: value for name, value in used.items() if value is not None}
        head, more = (self._top and self._top.head(module)) or (None, {})
        return Finished(module, settings | more, head)

    def schedule(self) -> Settings:
        """How the whole encoder is trained where there is time enough."""
        usual, turned = finetuning_plan.schedule(self.given.problem, self.given.seed), self.turned
        return replace(
            usual,
            epochs=max(1, round(usual.epochs * turned(EPOCHS) * self.given.effort)),
            rate=usual.rate * turned(RATE),
            head_rate=usual.head_rate * turned(HEAD_RATE),
            batch_size=max(1, round(usual.batch_size * turned(BATCH))),
        )

    def training(self, start: Any, settings: Settings, head: Callable[[Sequence[int]], Head] | None) -> FineTuned:
        """The training of copies of a model; `head` gives one to begin with for some examples (None: its own)."""
        given = self.given
        return FineTuned(
            name=self.name,
            problem=given.problem,
            start=copier(start, str(given.base.device)),
            head=head,
            pad_token_id=pad_token(given.tokenizer),
            feature_norm=given.frozen.unit,
            settings=settings,
            deadline=given.budget.deadline,
            by_score=given.problem.kind.schedule(len(given.problem)).by_score,
            progress=given.progress.update,
            lessons=given.lessons,
            sharded=not given.fits_whole,
        )

    def regression(self, frozen: Frozen) -> Callable[[Sequence[int]], Head]:
        """For some examples the regression on them alone, as a head to begin with on the encoder of `frozen`."""
        given = self.given
        setting = replace(given.setting, penalty=max(given.setting.penalty, START_PENALTY))
        penalty = given.problem.kind.schedule(len(given.problem)).start_penalty
        if penalty is not None:
            setting = Setting(0.0, penalty)
        setting = replace(setting, penalty=setting.penalty * self.turned(PULL))

        def head(learn: Sequence[int]) -> Head:
            found = frozen.fit(learn, setting)
            return Head(found.weight / frozen.unit, found.bias)

        return head

    def is_enough(self) -> bool:
        """Whether there are enough labels, of more than one class."""
        size, classes = len(self.given.problem), len(set(self.given.problem.strata))
        if size < LEAST_TUNED or classes < 2:
            logger.info("%s: skipped, %d example(s) of %d class(es) are too few", self.name, size, classes)
            return False
        return True

    def fits(self) -> bool:
        """Whether there is memory to train the whole model, or a shard of it; says so where there is not."""
        given = self.given
        if given.fits_whole or given.fits_sharded:
            return True
        needed = footprint.of_whole(given.base) / 2**30
        given.notes.append(f"{self.name}: not tried, it takes about {needed:.1f} GiB of memory, more than is free")
        return False

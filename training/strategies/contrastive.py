"""The encoder tuned by contrast, and a regression on it: far more from some dozens of labels than from a frozen one.

Measured with MiniLM on 500 texts kept apart, one draw each, accuracy (CPU seconds of a round's try of it, one thread):

| set, labels | regression on the frozen encoder | tuned by contrast | fine-tuned from the base model |
| --- | --- | --- | --- |
| trec6, 64 | .722 | .88 (about 80) | .802 (72) |
| snips, 64 | .894 | .946 | |
| sst2, 64 | .742 | .786, with 38 steps | |
| banking77, 154 | .646 | .696 | |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np

from labelwheel.training import card_share, encoders, memory
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.kinds.objectives import Softmax
from labelwheel.training.model import pad_token
from labelwheel.training.ranks import crew
from labelwheel.training.strategies import contrastive_loop, precision, shrinkage
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.class_batches import Classes
from labelwheel.training.strategies.contrastive_loop import Settings
from labelwheel.training.strategies.finetuning import copier
from labelwheel.training.strategies.finetuning_strategy import PLANNED_SHARE
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.knobs import BATCH, PULL, RATE, STEP_COUNT, TEMPERATURE
from labelwheel.training.strategies.label_names import describe
from labelwheel.training.strategies.lessons import Lesson
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.regression import Head

LEAST, MOST = 24, 1000
"""With fewer labels rounds take seconds, and heads follow each label; with more, fine-tuning has all it needs."""

STEPS, A_STEP = 20, 16
"""So many batches, and one more for so many labels: the work grows more slowly than they do. Twice as many reach the
same (SNIPS .952 and .946, banking77 .690 and .696, trec6 .874 and .880), and cost what fine-tuning does, twice."""

ALONE = 100
"""With fewer labels the base model is not fine-tuned besides: it costs as much, and is behind."""

TOKENS, SMALLEST = 4096, 8
"""About so many of a batch, as the whole of it is in memory at once: 1.6 GB of MiniLM, and texts enough to compare."""


class Tuned(NamedTuple):
    """A tuned encoder, what it gives of the texts, and the regression on that."""

    module: Any
    frozen: Frozen
    head: Head


class Contrastive(Strategy):
    """From the base model. The regression is held to the names as while labels are few: there is nothing to search for,
    as the encoder has brought the texts that it has seen where they belong."""

    name = "encoder tuned by contrast"
    recipe = "contrastive"
    cost = Cost.MINUTES
    knobs = (RATE, STEP_COUNT, TEMPERATURE, BATCH, PULL)
    least: ClassVar[int] = LEAST
    trainings: ClassVar[float] = 1  # a model takes so many times its steps

    _settings: Settings
    _split = False  # over the processes of the job

    def applies(self) -> bool:
        """Where one option is right, two classes have two labels each, and there is the memory."""
        problem = self.given.problem
        if not problem.kind.held_to_names or not isinstance(problem.objective, Softmax):
            return False  # such as a rating, whose values are near to each other or far apart
        if problem.kind.row is not Row.TEXT or not self.least <= len(problem) <= MOST:
            return False
        counts = np.bincount([int(target) for target in problem.targets])
        return int((counts >= 2).sum()) >= 2 and self.given.fits_whole

    def replaces(self) -> tuple[type[Strategy], ...]:
        """Fine-tuning from the same start, with so few labels."""
        return (FromBase,) if len(self.given.problem) < ALONE else ()

    def measure(self) -> Outcome:
        """On each part of the layout, or on one fifth where time is short."""
        begin, given = time.monotonic(), self.given
        try:
            step = self.time_steps()
            parts = self._parts(step)
            logits: dict[int, np.ndarray] = {}
            lessons: list[Lesson] = []
            for number, (learn, measure) in enumerate(parts):

                def told(share: float, number: int = number) -> None:
                    self._told((number + share) / len(parts))

                tuned = self._learnt(learn, told)
                logits |= tuned.frozen.logits(tuned.head, measure)
                lessons += given.lessons(learn, measure, partial(self._said, tuned))
        except Exception as error:
            raise self._named(error) from error
        measured = sorted(index for _, measure in parts for index in measure)
        detail = f"{self._settings.steps} steps, {len(parts)} validation part(s)"
        seconds = time.monotonic() - begin
        return Outcome(self.name, given.problem, measured, logits, seconds, detail, lessons=lessons)

    def finish(self) -> Finished:
        """Tuned on all labels, with a regression on all of them in its head."""
        everything = range(len(self.given.problem))
        try:
            tuned = self._learnt(everything, self._told)
        except Exception as error:
            raise self._named(error) from error
        setting, head = self._held(everything), tuned.frozen.written(tuned.head)
        encoders.write_head(tuned.module, head.weight, head.bias)
        used = {**vars(self._settings), "names_share": setting.share, "penalty": setting.penalty}
        return Finished(tuned.module, used)

    def _learnt(self, indices: Sequence[int], told: Callable[[float], None]) -> Tuned:
        """All that comes of some labels."""
        module = self._tuned(self._classes(indices), told)
        frozen = self._features(module)
        return Tuned(module, frozen, frozen.fit(indices, self._held(indices)))

    def _parts(self, step: float) -> list[Fold]:
        """Raises TimeoutError where not even one part and the model itself can be had in the time that is left."""
        layout, left = self.given.layout, self.given.budget.seconds * PLANNED_SHARE
        for parts in (layout.parts(), layout.folds(5)[:1]):
            if parts and (len(parts) + 1) * self.trainings * self._settings.steps * step <= left:
                return parts
        raise TimeoutError(f"{self._settings.steps} steps take about {self._settings.steps * step:.0f} s each time")

    def _tuned(self, classes: Classes, told: Callable[[float], None]) -> Any:
        given = self.given
        return contrastive_loop.train(
            self._copy(), classes, pad_token(given.tokenizer), self._settings, progress=told,
            deadline=given.budget.deadline, split=self._split,
        )  # fmt: skip

    def _copy(self) -> Any:
        return copier(self.given.base, str(self.given.base.device))()

    def _classes(self, indices: Sequence[int]) -> Classes:
        given, problem = self.given, self.given.problem
        texts: dict[int, list[Sequence[int]]] = {}
        for place in problem.encoded(indices):
            texts.setdefault(int(problem.targets[place]), []).append(problem.encodings[place].input_ids)
        if given.frozen.names is None or not given.setting.named:
            return Classes(texts, {})
        said = [describe(option) for option in problem.question.options]
        rows = given.tokenizer(said, truncation=True, max_length=given.max_length, padding=False)["input_ids"]
        return Classes(texts, dict(enumerate(rows)))

    def _features(self, module: Any) -> Frozen:
        """What the tuned encoder gives of the texts, and of what the options are called."""
        given = self.given
        return Frozen.build(given.problem, module, given.tokenizer, given.max_length, encoders.features)

    def _said(self, tuned: Tuned, texts: Sequence[Encoding]) -> list[np.ndarray]:
        rows = encoders.features(tuned.module, texts, pad_token(self.given.tokenizer))
        return [tuned.head(row / tuned.frozen.unit) for row in rows]

    def _held(self, indices: Sequence[int]) -> shrinkage.Setting:
        held = shrinkage.held(self.given.problem, indices, self.given.setting.named)
        return replace(held, penalty=held.penalty * self.turned(PULL))

    def time_steps(self) -> float:
        """Seconds of a step in the precision that is sooner, which is the one that is used from then on."""
        given, classes = self.given, self._classes(range(len(self.given.problem)))
        lengths = [len(encoding.input_ids) for encoding in given.problem.encodings]
        most, turned = max(SMALLEST, TOKENS // max(1, int(np.quantile(lengths, 0.95)))), self.turned
        usual = STEPS + len(given.problem) // A_STEP
        self._settings = Settings(
            max(1, round(usual * turned(STEP_COUNT) * given.effort)),
            rate=Settings.rate * turned(RATE),
            temperature=Settings.temperature * turned(TEMPERATURE),
            batch_size=min(round(Settings.batch_size * turned(BATCH)), most),
            seed=given.seed,
        )

        def seconds(each: precision.Precision, processes: int = 1) -> float:
            module, took = self._copy(), 0.0
            size = max(1, self._settings.batch_size // processes)
            for count in (1, 2):  # the first one warms up
                began = time.monotonic()
                some = replace(self._settings, steps=count, precision=each, batch_size=size)
                contrastive_loop.train(module, classes, pad_token(given.tokenizer), some)
                took = time.monotonic() - began
            return took / 2

        chosen, step = precision.fastest(self.name, given.base.device, seconds)
        self._settings = replace(self._settings, precision=chosen)
        steps = self._settings.steps
        weighed = crew.weigh(self.name, given.base, step, steps, lambda count: seconds(chosen, count))
        self._split = weighed.split
        given.notes.extend(filter(None, [weighed.sentence]))
        return weighed.seconds * card_share.slowdown()

    def _told(self, share: float) -> None:
        self.given.progress.update(share)

    def _named(self, error: Exception) -> Exception:
        """Memory that runs out is called that: a batch cannot be halved and stay the same training."""
        return OutOfMemory(f"{self.name} takes more memory than there is") if memory.ran_out(error) else error

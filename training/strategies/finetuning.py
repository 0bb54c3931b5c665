"""Fine-tuning of the whole encoder, from the base model or from the champion, with a head that knows something already.

With few labels the number of epochs is found by cross-validation and the model is then trained on all of them; with
many, one fifth is set apart, training stops when that gets worse, and the model is kept as it was at its best.
"""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from labelwheel.training import batches, card_share
from labelwheel.training.encoders import write_head
from labelwheel.training.errors import OutOfMemory
from labelwheel.training.evaluation.findings import Epoch
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.ranks import crew
from labelwheel.training.strategies import finetuning_loop, memory_ladder, precision
from labelwheel.training.strategies.folds import Fold
from labelwheel.training.strategies.frozen_head import LOG_LOSS_SHARE
from labelwheel.training.strategies.lessons import Lesson
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.regression import Head

logger = logging.getLogger(__name__)

OPTIMIZER = 1.15
"""So many times as long as its passes a step takes."""

T = TypeVar("T")

Ask = Callable[[Sequence[int], Sequence[int], Callable[[Sequence[Encoding]], Sequence[np.ndarray]]], list[Lesson]]
"""As `Materials.lessons`."""


@dataclass
class FineTuned:
    """One training: `start` gives a fresh model, `head` a head to begin with for some examples (None: its own)."""

    name: str
    problem: Problem
    start: Callable[[], Any]
    head: Callable[[Sequence[int]], Head] | None
    pad_token_id: int
    feature_norm: float
    settings: finetuning_loop.Settings
    deadline: float
    by_score: bool = False  # the best epoch is the one with the best score, whatever its log loss
    progress: Callable[[float], None] = lambda share: None
    lessons: Ask = lambda learn, measure, say: []
    heard: Callable[[Any, Sequence[int], Sequence[int]], None] = lambda model, learn, measure: None
    sharded: bool = False  # it takes more memory than one process has
    can_checkpoint: bool = field(default=False, init=False)  # known from the first model on
    weighed: crew.Weighed = field(default=crew.Weighed(False, 0.0), init=False)  # known once a step was timed

    def step_seconds(self) -> float:
        """How long one step takes in the precision that is fastest, which is the one that is used from then on."""
        while True:
            try:
                return self._fastest()
            except Exception as error:  # the first full batch that meets the device: here memory runs out, if at all
                self._smaller(error)

    def _fastest(self) -> float:
        model = self._fresh()
        chosen, seconds = precision.fastest(self.name, _device(model), lambda each: self._seconds(model, each))
        self.settings = settings = replace(self.settings, precision=chosen)
        steps = -(-len(self.problem) // (settings.batch_size * settings.accumulation)) * settings.epochs
        accumulated = settings.accumulation * OPTIMIZER
        self.weighed = crew.weigh(
            self.name, model, seconds * accumulated, steps,
            lambda count: self._seconds(model, chosen, count) * accumulated, self.sharded,
        )  # fmt: skip
        if self.sharded and not self.weighed.split:
            raise OutOfMemory(f"it takes more memory than one process has: {self.weighed.sentence}")
        return self.weighed.seconds * card_share.slowdown()

    def _seconds(self, model: Any, chosen: precision.Precision, processes: int = 1) -> float:
        """A step on a batch of middling length, or on the share of one process; the first one warms up."""
        problem, size = self.problem, max(1, self.settings.batch_size // processes)
        order = sorted(range(len(problem)), key=lambda i: len(problem.encodings[problem.places[i][0]].input_ids))
        middle = max(0, len(order) // 2 - size // 2)
        batch = finetuning_loop.collate(problem, order[middle : middle + size], self.pad_token_id)
        device = _device(model)
        labels = batch.pop("labels").to(device)
        model.train()
        seconds = 0.0
        for _ in range(2):
            begin = time.monotonic()
            with precision.computing(chosen, device):
                output = model(**{name: value.to(device) for name, value in batch.items()})
            problem.objective.torch_loss(output.logits, labels, None).backward()
            _wait(device)
            seconds = time.monotonic() - begin
        return seconds

    def run(self, folds: Sequence[Fold], keep: bool) -> tuple[Outcome, Any | None, int]:
        """Measure on folds; also the model of the last fold where `keep`, and the number of epochs that is best."""
        while True:
            try:
                return self._run(folds, keep)
            except Exception as error:
                self._smaller(error)

    def final(self, epochs: int) -> Any:
        """The model, trained on all examples for some epochs of the same schedule."""
        while True:
            try:
                model, history = self._train(range(len(self.problem)), None, epochs, self.progress)
                if not history.complete:
                    raise TimeoutError("the time was up before it had learnt from all labels")
                return model
            except Exception as error:
                self._smaller(error)

    def _run(self, folds: Sequence[Fold], keep: bool) -> tuple[Outcome, Any | None, int]:
        begin = time.monotonic()
        problem = self.problem
        seen: list[list[dict[int, np.ndarray]]] = []
        histories: list[finetuning_loop.History] = []
        lessons: list[Lesson] = []
        model = None
        for number, (learn, measure) in enumerate(folds):
            snapshots: list[dict[int, np.ndarray]] = []

            def report(share: float, number: int = number) -> None:
                self.progress((number + share) / len(folds))

            model, history = self._train(learn, (measure, snapshots), None, report)
            logger.info("%s, part %d of %d: best after epoch %d", self.name, number + 1, len(folds), history.best)
            seen.append(snapshots)
            histories.append(history)

            def say(texts: Sequence[Encoding], model: Any = model) -> list[np.ndarray]:
                return batches.forward(model, texts, self.pad_token_id)

            lessons += self.lessons(learn, measure, say)
            self.heard(model, learn, measure)
            if not history.complete and history.best == 0:
                raise TimeoutError("not one epoch fitted into the time")
        # each fold stops by itself; where one stopped early its best stands for what came after
        longest = max(len(history.values) for history in histories)
        sizes = [len(measure) for _, measure in folds]
        values = [[_at(history.values, epoch) for history in histories] for epoch in range(longest)]
        best = int(np.argmin([np.average(row, weights=sizes) for row in values]))
        logits: dict[int, np.ndarray] = {}
        for snapshots in seen:
            logits |= snapshots[min(best, len(snapshots) - 1)]
        indices = sorted(index for _, measure in folds for index in measure)
        curve = [_mean([history.epochs for history in histories], epoch) for epoch in range(longest)]
        detail = f"{best + 1} epoch(s), {memory_ladder.told(self.settings)}, {len(folds)} validation part(s)"
        seconds = time.monotonic() - begin
        outcome = Outcome(self.name, problem, indices, logits, seconds, detail, curve, lessons=lessons)
        return outcome, (model if keep else None), best + 1

    def _train(
        self,
        learn: Sequence[int],
        validation: tuple[Sequence[int], list[dict[int, np.ndarray]]] | None,
        stop_after: int | None,
        progress: Callable[[float], None],
    ) -> tuple[Any, finetuning_loop.History]:
        problem = self.problem
        model = self._fresh()
        if self.head is not None:
            head = self.head(list(learn))
            write_head(model, head.weight, head.bias)
        measure = None
        if validation is not None:
            chosen, snapshots = validation
            places = problem.encoded(chosen)

            def measure(model: Any) -> tuple[float, float, float]:
                rows = batches.forward(model, [problem.encodings[p] for p in places], self.pad_token_id)
                snapshots.append(dict(zip(places, rows, strict=True)))
                outcome = Outcome("", problem, list(chosen), snapshots[-1])
                values, targets, _ = problem.stack(outcome.indices, outcome.logits)
                loss = float(problem.objective.losses(values, targets).mean())
                score = problem.kind.headline(list(outcome.scores.values()))
                # the plain log loss rises while answers still get better: calibration is what takes care of it
                fine = 0.0 if self.by_score else LOG_LOSS_SHARE * float(np.mean(list(outcome.surprise.values())))
                return loss, score, 1.0 - score + fine

        history = finetuning_loop.train(
            model,
            problem,
            learn,
            self.pad_token_id,
            self.settings,
            feature_norm=self.feature_norm,
            measure=measure,
            stop_after=stop_after,
            progress=progress,
            deadline=self.deadline,
            split=self.weighed.split,
            sharded=self.sharded,
        )
        return model, history

    def _fresh(self) -> Any:
        model = self.start()
        self.can_checkpoint = memory_ladder.can_checkpoint(model)
        if self.settings.checkpointing:
            memory_ladder.checkpoint(model)
        return model

    def _smaller(self, error: Exception) -> None:
        self.settings = memory_ladder.after(error, self.settings, self.can_checkpoint)


def copier(model: Any, device: str) -> Callable[[], Any]:
    """Fresh copies of a model on a device."""
    return lambda: copy.deepcopy(model).to(device)


def _device(model: Any) -> Any:
    return next(model.parameters()).device


def _wait(device: Any) -> None:
    """Kernels on a card are only launched when a call returns."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _at(points: Sequence[T], epoch: int) -> T:
    return points[min(epoch, len(points) - 1)]


def _mean(curves: Sequence[Sequence[Epoch]], epoch: int) -> Epoch:
    points = [_at(curve, epoch) for curve in curves]

    def mean(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    return Epoch(
        epoch=epoch + 1,
        train_loss=mean([point.train_loss for point in points]),
        validation_loss=mean([point.validation_loss for point in points]),
        score=mean([point.score for point in points]),
    )

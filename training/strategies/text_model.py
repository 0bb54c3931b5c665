"""A small pretrained model that writes, fine-tuned with LoRA: answers in people's own words that nobody gave before.

The operator names one, a sequence-to-sequence or a causal model of transformers. What is learnt are adapters, which are
all that a checkpoint has of it. Early stopping looks at the log loss of the answers that are measured, as for any.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from labelwheel.training import encoders, memory, named_models, pretrained_files
from labelwheel.training.elsewhere import Written
from labelwheel.training.errors import InvalidJob, OutOfMemory
from labelwheel.training.heads.text_sureness import Sureness, fit
from labelwheel.training.kinds.free_text import distance, joined
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies import adapters, finetuning_plan, memory_ladder, text_training
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.epoch_watch import History
from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.strategies.text_training import Pair
from labelwheel.training.text_models import adapted, phrasing, pretrained, writing
from labelwheel.training.text_models.answers import TextAnswers
from labelwheel.training.text_models.entry import TextModelEntry
from labelwheel.training.text_models.phrasing import Phrasing
from labelwheel.training.text_models.pretrained import TextModel
from labelwheel.training.text_models.writing import Said

logger = logging.getLogger(__name__)

LEAST = 16
"""Labels; as many as start the first round."""
LONGEST = 512
"""Tokens that an answer may have at most, whatever people have written."""
ROOM = 1.25
"""So many times as many tokens as the longest answer has that people have given: then what is written is cut."""
FEATURES = 3
"""How many numbers say how sure an answer is; see `Said.row`."""
FEW = 8
"""Answers that came to an end, from which on they tell how good such answers are."""
PLANNED_SHARE = 0.6  # of the time that is left: to write takes some, too
RATES = {True: 1e-3, False: 5e-4}
"""Of adapters on a model that reads apart, and on one that does not: what the recipes of either usually have."""
_IN_MEMORY = {"cuda": 1.5, "cpu": 2.5}
"""Times the size of its files: weights are mostly stored in half precision, which a CPU computes in float32."""


class _Measured(NamedTuple):
    number: int
    said: Said
    texts: list[str]


class TextModelTuned(Strategy):
    """Learns where people write their answers, and a model is named."""

    name = "text model fine-tuned with LoRA"
    recipe = "text_model"
    cost = Cost.MINUTES
    asked = True
    free = True

    def applies(self) -> bool:
        """Where it can be loaded, and there are some labels."""
        given = self.given
        if not given.text_model or not given.problem.kind.free:
            return False
        if len(given.problem) < LEAST:
            logger.info("%s: skipped, %d example(s) are too few", self.name, len(given.problem))
            return False
        device = str(given.base.device)
        try:
            needed = pretrained_files.size(given.text_model) * _IN_MEMORY[device.partition(":")[0]]
            if needed > memory.free(device):
                raise OutOfMemory(f"it takes about {needed / 2**30:.1f} GiB of memory, more than is free")
            self._model = pretrained.load(given.text_model, device)
            self._phrasing, self._most_new = self._prepared(self._model)
        except (InvalidJob, OutOfMemory) as error:
            given.notes.append(named_models.unused(self.name, error))
            return False
        return True

    def measure(self) -> Outcome:
        """By cross-validation, or on one part, as many epochs as fit into the time that is left."""
        begin, problem = time.monotonic(), self.given.problem
        self._pairs = [self._pair(index) for index in range(len(problem))]
        self._settings = self._schedule()
        step = self._laddered(self._step_seconds)
        left = self.given.budget.seconds * PLANNED_SHARE
        plan = finetuning_plan.plan(self.given.layout, self._settings, step, left, fresh=False)
        self._settings = plan.settings
        found, histories = list[_Measured](), list[tuple[History, int]]()
        for number, (learn, measure) in enumerate(plan.parts):

            def report(share: float, number: int = number) -> None:
                self.given.progress.update((number + share) / len(plan.parts))

            module, history = self._laddered(lambda: self._train(learn, measure, None, report))  # noqa: B023
            if history.best == 0:
                raise TimeoutError("not one epoch fitted into the time")
            histories.append((history, len(measure)))
            found += self._written(module, measure)
            self._module = module if plan.keep else None
        self._epochs = _best(histories)
        found.sort(key=lambda one: one.number)
        self._measured = found
        predictions: dict[int, Prediction] = {}
        for half in (0, 1):  # how sure it is, each half hears from the other
            sureness = self._sureness(found[1 - half :: 2])
            for one in found[half::2]:
                predictions[one.number] = self._prediction(one, sureness)
        indices = [one.number for one in found]
        shown = sum(one.answer is not None for one in predictions.values())
        detail = (
            f"{self._epochs} epoch(s), {memory_ladder.told(self._settings)}, {len(plan.parts)} validation part(s), "
            f"{shown} of {len(indices)} suggested"
        )
        return Outcome(
            self.name, problem, indices, {}, time.monotonic() - begin, detail, histories[0][0].epochs, settled={},
            answers=[predictions[index] for index in indices],
        )  # fmt: skip

    def finish(self) -> Finished:
        """The adapters, trained on all labels unless those that were measured have learnt from nearly all of them."""
        given, model, module = self.given, self._model, self._module
        if module is None:
            everything = range(len(given.problem))
            module, history = self._laddered(lambda: self._train(everything, None, self._epochs, given.progress.update))
            if not history.complete:
                raise TimeoutError("the time was up before it had learnt from all labels")
        sureness = self._sureness(self._measured)
        entry = TextModelEntry(
            base=model.name, base_digest=model.digest, lead=self._phrasing.lead, separator=self._phrasing.separator,
            input_tokens=self._phrasing.input_tokens, most_new=self._most_new,
            exact=tuple(sureness.exact.tolist()), edits=tuple(sureness.edits.tolist()),
        )  # fmt: skip
        content = adapted.packed(adapters.layers(module), adapters.ALPHA / adapters.RANK)
        given.notes.append(
            f"Answers are written by {model.name} with adapters (LoRA) that have learnt from people's answers, and can "
            "repeat them. The checkpoint has the adapters; what serves needs the model as well."
        )
        used = {
            "text_model": model.name, "text_model_digest": model.digest, "lora_rank": adapters.RANK,
            "lora_alpha": adapters.ALPHA, "most_new_tokens": self._most_new, "epochs": self._epochs,
            "rate": self._settings.rate, "batch_size": self._settings.batch_size,
            "accumulation": self._settings.accumulation,
        }  # fmt: skip
        return Finished(encoders.silenced(given.base), used, foreign=Written(content, entry))

    _module: Any = None

    def _prepared(self, model: TextModel) -> tuple[Phrasing, int]:
        """How it is asked, and how much it may write; raises InvalidJob where it has no room for that."""
        problem = self.given.problem
        separator = phrasing.separator(model, problem.answers)
        asked = Phrasing(model, f"{problem.question.name}:", separator, self.given.max_length)
        longest = max(len(asked.written(answer)) for answer in problem.answers)
        most = min(LONGEST, int(ROOM * longest) + 4)
        room = model.positions if model.reads_apart else model.positions - most
        if room < self.given.max_length // 4:
            raise InvalidJob(f"{model.name} has {model.positions} tokens for a text and its answer, which is too few")
        return replace(asked, input_tokens=min(self.given.max_length, room)), most

    def _pair(self, index: int) -> Pair:
        row = self.given.problem.rows[index]
        read = self._phrasing.read(self.given.problem.question, row.example)
        return Pair(read, self._phrasing.written(row.answer, self._most_new))

    def _schedule(self) -> Settings:
        epochs = max(1, round(_epochs(len(self.given.problem)) * self.given.effort))
        rate = RATES[self._model.reads_apart]
        return Settings(epochs=epochs, rate=rate, batch_size=8, patience=3, seed=self.given.seed)

    def _train(
        self, learn: Sequence[int], measure: Sequence[int] | None, stop_after: int | None, progress: Any
    ) -> tuple[Any, History]:
        module = self._fresh()
        measured = None if measure is None else [self._pairs[index] for index in measure]
        history = text_training.train(
            self._model, module, [self._pairs[index] for index in learn], self._settings, measured,
            stop_after=stop_after, progress=progress, deadline=self.given.budget.deadline,
        )  # fmt: skip
        return module, history

    def _fresh(self) -> Any:
        module = text_training.fresh(self._model, self.given.seed)
        if self._settings.checkpointing:
            memory_ladder.checkpoint(module)
        return module

    def _step_seconds(self) -> float:
        return text_training.step_seconds(self._model, self._fresh(), self._pairs, self._settings)

    def _laddered(self, work: Any) -> Any:
        """With smaller batches where memory runs out."""
        while True:
            try:
                return work()
            except Exception as error:
                can = memory_ladder.can_checkpoint(self._model.module)
                self._settings = memory_ladder.after(error, self._settings, can)

    def _written(self, module: Any, indices: Sequence[int]) -> list[_Measured]:
        answers = TextAnswers(
            replace(self._model, module=module), self._phrasing, Sureness.unknown(FEATURES), self._most_new
        )
        question, budget = self.given.problem.question, self.given.budget
        try:
            said = answers.write([self._pairs[index].read for index in indices], lambda: budget.seconds > 0)
        except writing.Unwanted:
            raise TimeoutError("the time was up before it had answered what it is measured on") from None
        return [
            _Measured(index, one, self._phrasing.texts(question, one.tokens) if one.ended else [])
            for index, one in zip(indices, said, strict=True)
        ]

    def _prediction(self, one: _Measured, sureness: Sureness) -> Prediction:
        problem = self.given.problem
        example = problem.rows[one.number].example
        return sureness.prediction(problem.question, example, one.said.row, one.texts) if one.texts else Prediction()

    def _sureness(self, measured: Sequence[_Measured]) -> Sureness:
        whole = [one for one in measured if one.texts]
        if len(whole) < FEW:
            return Sureness.unknown(FEATURES)
        problem = self.given.problem
        changed = [distance(joined(problem.question, one.texts), problem.rows[one.number].answer) for one in whole]
        return fit(np.stack([one.said.row for one in whole]), np.array(changed))


def _epochs(labels: int) -> int:
    """Fewer labels are read more often, so that there are some hundred steps; eight times in any case, if it helps."""
    return min(40, max(8, round(2400 / labels)))


def _best(histories: Sequence[tuple[History, int]]) -> int:
    """The epoch with the least mean log loss over all parts; where one stopped early its best stands for the rest."""
    longest = max(len(history.values) for history, _ in histories)
    sizes = [size for _, size in histories]
    values = [
        [history.values[min(epoch, len(history.values) - 1)] for history, _ in histories] for epoch in range(longest)
    ]
    return int(np.argmin([np.average(row, weights=sizes) for row in values])) + 1

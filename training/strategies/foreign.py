"""A model of the operator's own, whose code runs in a process of its own: a strategy as any other is.

It learns from the same labels and is measured on the same folds, each time in a process that knows of no other. What it
has written goes into the checkpoint once it answers alike as it is begun anew from that. Held-out examples never reach
its learning. Beside it lies the regression on the frozen encoder, which answers where that model does not.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from labelwheel.training.elsewhere import Written
from labelwheel.training.errors import ForeignFailed, InvalidJob
from labelwheel.training.foreign import folder as folders
from labelwheel.training.foreign.answers import AT_ONCE, ForeignAnswers, fitting
from labelwheel.training.foreign.entry import ForeignEntry
from labelwheel.training.foreign.model import RECIPE, ForeignModel
from labelwheel.training.foreign.process import ForeignProcess, Said
from labelwheel.training.questions import Example, Prediction
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.outcome import Outcome

SHARE = 1 / 3
"""Of the time that there is: so much it may take to be measured, so that one which hangs leaves some to others."""
PROBED = 32
"""Examples at most that it has to answer from its files before they go into a checkpoint."""


class ForeignStrategy(Strategy):
    """Of one model; `of` makes the class. Raises ForeignFailed where that ends, hangs, or says that it failed."""

    recipe = RECIPE
    cost = Cost.MINUTES
    asked = True
    model: ClassVar[ForeignModel]

    def applies(self) -> bool:
        """Where there is a label."""
        return len(self.given.problem) > 0

    def measure(self) -> Outcome:
        """Out of fold; it has no logits, so that it has to be better in what people see."""
        begin, problem, layout = time.monotonic(), self.given.problem, self.given.layout
        deadline = begin + SHARE * self.given.budget.seconds
        parts, answers = layout.parts(), dict[int, Prediction]()
        for number, (learn, measure) in enumerate(parts):
            _, said = self._learnt(learn, measure, deadline)
            answers |= dict(zip(measure, said, strict=True))
            self.given.progress.update((number + 1) / len(parts))
        indices, seconds = layout.measured(), time.monotonic() - begin
        detail = f"{self.model.path}, {len(parts)} validation part(s)"
        found = Outcome(
            self.name, problem, indices, {}, seconds, detail, settled=problem.habits,
            answers=[answers[index] for index in indices],
        )  # fmt: skip
        right = [1.0 - score.loss for score in found.scores.values()]
        self._unscored = sum(right) / len(right) if right else 1.0
        return found

    def finish(self) -> Finished:
        """Its files, once it has answered from them, and the regression beside it."""
        rows, model = self.given.problem.rows, self.model
        everything, probed = range(len(rows)), range(min(PROBED, len(rows)))
        content, said = self._learnt(everything, probed, time.monotonic() + self.given.budget.seconds)
        again = self._answers(content, [rows[index].example for index in probed])
        same = sum(one.answer == other.answer for one, other in zip(said, again, strict=True))
        if 2 * same < len(said):
            raise ForeignFailed(
                f"{model.name} answers {len(said) - same} of {len(said)} examples otherwise once it is begun anew: "
                "what it learns has to be in files of MODEL_DIR"
            )
        regression = FrozenRegression(self.given)
        outcome, beside = regression.measure(), regression.finish()
        self.given.notes.append(
            f"Answers come from {model.name}, in a process of its own; where it does not answer, the regression on the "
            "frozen encoder does, which has learnt from the same labels and lies in the same checkpoint."
        )
        entry = ForeignEntry(
            attribute=model.attribute, file=Path(model.path).name, sha256=model.sha256, unscored=self._unscored
        )
        settings = {"foreign": model.name, "foreign_bytes": len(content), "beside": beside.settings}
        calibration = beside.calibration or outcome.calibration
        return Finished(beside.module, settings, calibration=calibration, foreign=Written(content, entry))

    _unscored = 1.0

    def _learnt(self, indices: Sequence[int], asked: Sequence[int], deadline: float) -> tuple[bytes, list[Prediction]]:
        """What it writes as it learns from examples, in a folder that was empty before, and what it says of others."""
        rows, question = self.given.problem.rows, self.given.problem.question
        examples = [rows[index].example for index in asked]
        said: list[Said] = []
        try:
            self.model.check()
        except InvalidJob as error:
            raise ForeignFailed(str(error)) from error
        with tempfile.TemporaryDirectory(prefix="labelwheel-foreign-", ignore_cleanup_errors=True) as folder:
            with ForeignProcess(self.model, question, Path(folder)) as process:
                if (left := deadline - time.monotonic()) <= 0:
                    raise TimeoutError(f"there was no time left for {self.model.name}")
                process.learn(
                    [(rows[index].example, rows[index].answer) for index in indices],
                    min(self.model.learn_seconds, left),
                )
                for start in range(0, len(examples), AT_ONCE):
                    said += process.predict(examples[start : start + AT_ONCE])
            return folders.pack(Path(folder)), fitting(question, examples, said, self._unscored)

    def _answers(self, content: bytes, examples: Sequence[Example]) -> list[Prediction]:
        """What it says of examples as it is begun anew from its files."""
        question = self.given.problem.question
        with tempfile.TemporaryDirectory(prefix="labelwheel-foreign-", ignore_cleanup_errors=True) as folder:
            packed = Path(folder) / "content.tar"
            packed.write_bytes(content)
            answers = ForeignAnswers(self.model, question, packed, self._unscored)
            try:
                return answers.whole(question, examples)
            finally:
                answers.close()


def of(model: ForeignModel) -> type[ForeignStrategy]:
    """The strategy of a model."""
    return type(model.attribute, (ForeignStrategy,), {"name": model.name, "model": model, "__doc__": model.name})

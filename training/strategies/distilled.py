"""A small encoder that learns what a large one says of texts without a label, beside the labels themselves.

Where the base model is too slow for what serves it (`training.serving_limit`), it is a teacher: the project's texts
that nobody has labelled are answered by its best candidate, and the small model is trained to answer with the same
probabilities (Hinton, Vinyals and Dean 2015, arXiv 1503.02531), and with the labels where there are some.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from labelwheel.training import batches, encoders
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.model import pad_token
from labelwheel.training.ranks import crew
from labelwheel.training.strategies import soft_targets
from labelwheel.training.strategies.base import Finished, Strategy
from labelwheel.training.strategies.finetuning import FineTuned
from labelwheel.training.strategies.finetuning_loop import Settings
from labelwheel.training.strategies.finetuning_strategy import PLANNED_SHARE, FineTuning
from labelwheel.training.strategies.from_base import FromBase
from labelwheel.training.strategies.lessons import Lesson
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import Outcome

logger = logging.getLogger(__name__)

EPOCHS, RATE, BATCH = 5, 1e-4, 16


class Distilled(FineTuning):
    """From the small base model, with a regression on the labels in its head, for a fixed number of epochs.

    Each part is measured by a model that has heard only from a teacher of that part. What the teacher says of labelled
    examples, by models that had not learnt from them, joins in the end: a part would hear of its labels there.
    """

    name = "distilled from the larger base model"
    recipe = "distilled"

    def __init__(self, given: Materials) -> None:
        super().__init__(given)
        self._settings = Settings(epochs=EPOCHS, rate=RATE, batch_size=BATCH, seed=given.seed)
        self._rows: Sequence[Encoding] = ()
        self._weighed = crew.Weighed(False, 0.0)

    def applies(self) -> bool:
        """Where a larger model has said something of texts that this one can read."""
        given, taught = self.given, self.given.taught
        if taught is None or not self.is_enough():
            return False
        problem = given.problem
        rows = problem.kind.encode(problem.question, taught.texts, given.tokenizer, given.max_length)
        if [row.example for row in rows] != list(range(len(taught.texts))):
            given.notes.append(f"{self.name}: not tried, the two models do not read the same texts")
            return False
        self._rows = rows
        return self.fits()

    def replaces(self) -> tuple[type[Strategy], ...]:
        """Fine-tuning from the same start, on the labels alone."""
        return (FromBase,)

    def start(self) -> FineTuned:
        """On all labels, and on all that was said."""
        taught = self.given.taught
        assert taught is not None
        return self._course(range(len(self.given.problem)), taught.labelled, taught.said)

    def measure(self) -> Outcome:
        """On each part that there was a teacher for, or on the first where time is short."""
        begin, given, taught = time.monotonic(), self.given, self.given.taught
        assert taught is not None
        whole = self.start()
        step = whole.step_seconds()
        self._weighed = whole.weighed
        given.notes.extend(filter(None, [whole.weighed.sentence]))
        parts, epochs = self._plan(step, len(whole.problem), taught.parts)
        self._settings = replace(whole.settings, epochs=epochs)
        logits: dict[int, np.ndarray] = {}
        for number, part in enumerate(parts):

            def told(share: float, number: int = number) -> None:
                given.progress.update((number + share) / len(parts))

            course = self._course(part.learn, {}, part.said)
            course.progress = told
            module = course.final(epochs)
            self._settings = replace(course.settings, epochs=epochs)  # with less memory in smaller batches
            places = given.problem.encoded(part.measure)
            rows = [given.problem.encodings[place] for place in places]
            logits |= dict(zip(places, batches.forward(module, rows, pad_token(given.tokenizer)), strict=True))
        measured = sorted(index for part in parts for index in part.measure)
        detail = f"{epochs} epoch(s) on {len(self._rows)} texts without a label, {len(parts)} validation part(s)"
        return Outcome(self.name, given.problem, measured, logits, time.monotonic() - begin, detail)

    def finish(self) -> Finished:
        """Taught all that there is."""
        problem, taught = self.given.problem, self.given.taught
        assert taught is not None
        module = self.start().final(self._settings.epochs)
        if problem.scale != 1.0 or problem.centre != 0.0:
            weight, bias = encoders.read_head(module)
            encoders.write_head(module, weight * problem.scale, bias * problem.scale + problem.centre)
        used: dict[str, Any] = {name: value for name, value in vars(self._settings).items() if value is not None}
        used |= {"soft_temperature": soft_targets.TEMPERATURE, "taught_texts": len(self._rows)}
        used |= {"teacher": taught.base_model, "teacher_strategy": taught.strategy, "teacher_score": taught.score}
        return Finished(module, used)

    def _course(self, learn: Sequence[int], labelled: Mapping[int, np.ndarray], said: np.ndarray) -> FineTuned:
        given, taught = self.given, self.given.taught
        assert taught is not None
        head = self.regression(given.frozen)(learn)
        course = self.training(given.base, self._settings, lambda _: head)
        course.weighed = self._weighed
        course.problem = soft_targets.softened(given.problem, learn, labelled, taught.texts, self._rows, said)
        return course

    def _plan(self, step: float, rows: int, parts: Sequence[Lesson]) -> tuple[Sequence[Lesson], int]:
        """The parts and the epochs that fit into the time; raises TimeoutError where not one of each does."""
        left = self.given.budget.seconds * PLANNED_SHARE
        epoch = -(-rows // (self._settings.batch_size * self._settings.accumulation)) * step
        for some in (parts, parts[:1]):
            if (len(some) + 1) * EPOCHS * epoch <= left:
                return some, EPOCHS
        epochs = int(left / max(2 * epoch, 1e-9))
        logger.info("%.2f s a step, at most %d of %d epochs", step, epochs, EPOCHS)
        if epochs < 1:
            raise TimeoutError(f"one epoch takes about {epoch:.0f} s and {max(left, 0):.0f} s are left")
        return parts[:1], epochs

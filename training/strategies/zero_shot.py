"""A model of natural language inference that the operator names: it is told what the options are called, and says which
fit. It has learnt nothing of the labels, which say no more than how true its scores are.
"""

from __future__ import annotations

import time
from typing import Any

from labelwheel.training import memory, named_models, pretrained_files
from labelwheel.training.elsewhere import Written
from labelwheel.training.errors import InvalidJob, OutOfMemory
from labelwheel.training.kinds.base import Row
from labelwheel.training.questions import Question
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.label_names import LabelNames, describe
from labelwheel.training.strategies.materials import Materials
from labelwheel.training.strategies.outcome import Outcome
from labelwheel.training.zero_shot import answers, entailment
from labelwheel.training.zero_shot.answers import ZeroShotAnswers
from labelwheel.training.zero_shot.entry import ZeroShotEntry

SENTENCE = "This text is about {}."
"""What a text is held against for each option: the form that models of this sort are mostly asked in."""

AT_ONCE = 32
"""Examples that are asked about before the clock is looked at."""
_IN_MEMORY = 2.5
"""Times the size of its files, which are mostly in half precision."""


class ZeroShot(Strategy):
    """Its logits are those of the options, as any head's are, so that it is compared in the log loss, too."""

    name = "zero-shot model"
    recipe = "zero_shot"
    cost = Cost.MINUTES
    asked = True

    def applies(self) -> bool:
        """Where options of whole texts mean something, there are labels, and a model is named that can be loaded."""
        if not len(self.given.problem):
            return False
        self._answers = loaded(self.given, self.name)
        return self._answers is not None

    def measure(self) -> Outcome:
        """On what the others are measured on, though there is nothing that it could have learnt from."""
        begin, problem = time.monotonic(), self.given.problem
        measured, logits = self.given.layout.measured(), dict[int, Any]()
        for start in range(0, len(measured), AT_ONCE):
            if self.given.budget.seconds <= 0:
                raise TimeoutError(f"the time was up when {start} of {len(measured)} examples were answered")
            some = measured[start : start + AT_ONCE]
            odds = self._named.odds(problem.question, [problem.rows[index].example for index in some])
            logits |= {problem.places[index][0]: one for index, one in zip(some, odds, strict=True)}
            self.given.progress.update((start + len(some)) / len(measured))
        detail = f"{self._named.model.name}, {len(self._named.sentences)} option(s)"
        self._outcome = Outcome(self.name, problem, measured, logits, time.monotonic() - begin, detail)
        return self._outcome

    def finish(self) -> Finished:
        """What it says, and the regression beside it, which is what an export has."""
        regression = FrozenRegression(self.given)
        outcome, beside = regression.measure(), regression.finish()
        written, settings = self._written(self._outcome.calibration)
        calibration = beside.calibration or outcome.calibration
        return Finished(
            beside.module, {**settings, "beside": beside.settings}, calibration=calibration, foreign=written
        )

    _answers: ZeroShotAnswers | None = None

    @property
    def _named(self) -> ZeroShotAnswers:
        assert self._answers is not None
        return self._answers

    def _written(self, calibration: dict[str, float]) -> tuple[Written, dict[str, Any]]:
        return written(self.given, self._named, calibration)


class ZeroShotNames(LabelNames):
    """Before the first label, with the label names in the checkpoint beside it."""

    name = "zero-shot model, told the label names"
    asked = True

    def applies(self) -> bool:
        """Where nobody has labelled anything, and a model is named that can be loaded."""
        if len(self.given.problem) or not super().applies():
            return False
        self._answers = loaded(self.given, self.name)
        return self._answers is not None

    def finish(self) -> Finished:
        """Its log-odds as they come, since no label could tell how true they are."""
        assert self._answers is not None
        found = super().finish()
        foreign, settings = written(self.given, self._answers, {})
        return found._replace(settings={**found.settings, **settings}, foreign=foreign)

    _answers: ZeroShotAnswers | None = None


def sentences(question: Question) -> list[str]:
    """One for each option."""
    return [SENTENCE.format(describe(option)) for option in question.options]


def loaded(given: Materials, name: str) -> ZeroShotAnswers | None:
    """The model that is named, on the job's device; None where there is none, or it cannot be used, which is noted."""
    problem, device = given.problem, str(given.base.device)
    if not given.zero_shot or not problem.kind.named or problem.kind.row is not Row.TEXT:
        return None
    try:
        if (needed := pretrained_files.size(given.zero_shot) * _IN_MEMORY) > memory.free(device):
            raise OutOfMemory(f"it takes about {needed / 2**30:.1f} GiB of memory, more than is free")
        model = entailment.load(given.zero_shot, device)
    except (InvalidJob, OutOfMemory) as error:
        given.notes.append(named_models.unused(name, error))
        return None
    return ZeroShotAnswers(model, problem.id2label, sentences(problem.question), given.max_length)


def written(given: Materials, found: ZeroShotAnswers, calibration: dict[str, float]) -> tuple[Written, dict[str, Any]]:
    """What goes into the checkpoint, and what its manifest says of it."""
    model = found.model
    given.notes.append(
        f"Answers come from the zero-shot model {model.name}, which holds each text against a sentence for each of "
        f"{len(found.sentences)} options. What serves needs that model as well."
    )
    entry = ZeroShotEntry(base=model.name, base_digest=model.digest, calibration=calibration)
    settings = {"zero_shot": model.name, "zero_shot_digest": model.digest, "sentence": SENTENCE}
    return Written(answers.packed(found.sentences, found.max_length), entry), settings

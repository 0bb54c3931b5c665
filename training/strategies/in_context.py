"""In context: a language model that is shown labelled texts which are like the new one, and learns nothing.

Texts go to the endpoint that the operator has named, and nowhere where none is. Held-out examples are asked about, as
all are that get a suggestion, and are never shown. Beside it lies the regression on the frozen encoder, or of words the
answer to the nearest text, which answers where the endpoint does not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from labelwheel.training.elsewhere import Written
from labelwheel.training.errors import LabelwheelError
from labelwheel.training.foreign.answers import fitting
from labelwheel.training.foreign.process import Said
from labelwheel.training.language import endpoint
from labelwheel.training.language.answers import AT_ONCE, LanguageAnswers, calibrated, logit
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.language.prompt import packed
from labelwheel.training.strategies import asked_model
from labelwheel.training.strategies.base import Cost, Finished, Strategy
from labelwheel.training.strategies.frozen_regression import FrozenRegression
from labelwheel.training.strategies.nearest_answer import NearestAnswer
from labelwheel.training.strategies.outcome import Outcome

MEASURED = 80
"""Examples that it is asked about out of fold, as each costs money."""
FEW = 12
"""Measured answers, of which some are wrong, from which on they tell how true its probabilities are."""


class InContext(Strategy):
    """Raises TimeoutError where the endpoint does not answer or the budget is spent: the round goes on without it."""

    name = "language model in context"
    recipe = "in_context"
    cost = Cost.MONEY
    asked = True
    free = True

    def applies(self) -> bool:
        """Where an endpoint is named and the kind of question has a shape that it can be asked in."""
        problem, model = self.given.problem, endpoint.named()
        if model is None or not len(problem):
            return False
        if problem.kind.answer_schema(problem.question) is None:
            self.given.notes.append(f"{self.name}: not tried, {problem.question.kind} has no shape to ask for")
            return False
        return self._beside().applies()

    def _beside(self) -> Strategy:
        """What answers where the endpoint does not."""
        return NearestAnswer(self.given) if self.given.problem.kind.free else FrozenRegression(self.given)

    def measure(self) -> Outcome:
        """Out of fold, on some examples; it has no logits, so that it has to be better in what people see."""
        begin, problem, layout = time.monotonic(), self.given.problem, self.given.layout
        everything = layout.measured()
        step = max(1, -(-len(everything) // MEASURED))
        some, said = set(everything[::step]), dict[int, Said]()
        before, parts = asked_model.spent(self._model), layout.parts()
        for number, (learn, measure) in enumerate(parts):
            asked = [index for index in measure if index in some]
            said |= dict(zip(asked, self._said(learn, asked), strict=True))
            self.given.progress.update((number + 1) / len(parts))
        indices = sorted(said)
        self._calibrate(indices, [said[index] for index in indices])
        spent = asked_model.spent(self._model)
        money = spent.money - before.money
        requests = spent.requests - before.requests
        self._each = money / requests if requests else None
        detail = f"{self._model.model} at {self._model.place}, {requests} request(s), {money:.4g} spent"
        question, examples = problem.question, [problem.rows[index].example for index in indices]
        scored = [self._true(said[index]) for index in indices]
        answers = fitting(question, examples, scored, self._unscored)
        return Outcome(
            self.name, problem, indices, {}, time.monotonic() - begin, detail, settled=problem.habits, answers=answers
        )

    def finish(self) -> Finished:
        """The labelled texts, and beside them what answers without anybody else."""
        other = self._beside()
        outcome, beside = other.measure(), other.finish()
        model = self._model
        self.given.notes.append(
            f"Answers come from the language model {model.model} at {model.place}, which is sent each text with up to "
            f"16 labelled ones; where it does not answer, the {other.name} does, from the same labels. Whoever gets an "
            "export of the checkpoint can read the labelled texts in it."
        )
        entry = self._entry
        content = packed(asked_model.shown(self.given.problem, range(len(self.given.problem))))
        settings: dict[str, Any] = {
            "language_model": model.model,
            "language_place": model.place,
            "beside": beside.settings,
        }
        if self._each is not None:
            settings["money_per_request"] = self._each
        if self._sampled:
            settings["requests_per_suggestion"] = model.samples
        calibration = beside.calibration or outcome.calibration
        return Finished(beside.module, settings, beside.head, calibration, Written(content, entry))

    _unscored, _slope, _shift = 1.0, 0.0, 0.0
    _each: float | None = None
    _sampled = False

    @property
    def _model(self) -> endpoint.LanguageModel:
        model = endpoint.named()
        assert model is not None
        return model

    @property
    def _entry(self) -> LanguageEntry:
        model = self._model
        return LanguageEntry(
            model=model.model, project=model.project, unscored=self._unscored, samples=model.samples, slope=self._slope,
            shift=self._shift,
        )  # fmt: skip

    def _said(self, learn: Sequence[int], asked: Sequence[int]) -> list[Said]:
        """What it says of some, shown others, with probabilities as they come."""
        question, rows = self.given.problem.question, self.given.problem.rows
        plain = self._entry.model_copy(update={"slope": 1.0, "shift": 0.0})
        answers, found = LanguageAnswers(plain, question, asked_model.shown(self.given.problem, learn)), list[Said]()
        for start in range(0, len(asked), AT_ONCE):
            if self.given.budget.seconds <= 0:
                raise TimeoutError(f"there was no time left for {self.name}")
            try:
                found += answers.raw(question, [rows[index].example for index in asked[start : start + AT_ONCE]])
            except LabelwheelError as error:
                raise TimeoutError(str(error)) from error
        self._sampled |= answers.sampled
        return found

    def _calibrate(self, indices: Sequence[int], said: Sequence[Said]) -> None:
        """By what was right and what was wrong of the answers."""
        problem = self.given.problem
        examples = [problem.rows[index].example for index in indices]
        found = fitting(problem.question, examples, said)
        right = [
            1.0 - problem.kind.score(problem.question, example, problem.rows[index].answer, one).loss
            for index, example, one in zip(indices, examples, found, strict=True)
        ]
        if problem.kind.free:  # a text is as sure as it is that nobody has to edit it
            right = [float(value >= 1.0) for value in right]
        self._unscored = sum(right) / len(right) if right else 1.0
        pairs = [(logit(one.score), value >= 0.5) for one, value in zip(said, right, strict=True) if one.score]
        if len(pairs) < FEW or len({truth for _, truth in pairs}) < 2:
            return
        from sklearn.linear_model import LogisticRegression

        fit = LogisticRegression().fit(np.array([[value] for value, _ in pairs]), [truth for _, truth in pairs])
        if fit.coef_[0, 0] > 0:
            self._slope, self._shift = float(fit.coef_[0, 0]), float(fit.intercept_[0])

    def _true(self, said: Said) -> Said:
        score = calibrated(said.score, self._slope, self._shift) if said.score and self._slope > 0 else None
        return said.model_copy(update={"score": score})

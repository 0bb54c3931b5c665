"""What a language model answers for a checkpoint: asked in training's measurements and in serving alike.

Where it does not answer (its endpoint is away, the budget is spent, the settings name none), nobody waits for it:
whoever asks takes the answer of the regression that lies in the same checkpoint.
"""

from __future__ import annotations

import json
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as Late
from typing import Any

from labelwheel.training.errors import InvalidAnswer, LabelwheelError, LanguageModelFailed, RedactionFailed
from labelwheel.training.foreign.answers import fitting
from labelwheel.training.foreign.process import Said
from labelwheel.training.kinds import kind_of
from labelwheel.training.language import client as clients
from labelwheel.training.language import endpoint, redaction
from labelwheel.training.language.client import Client, Reply
from labelwheel.training.language.endpoint import LanguageModel
from labelwheel.training.language.entry import LanguageEntry
from labelwheel.training.language.prompt import Prompts, Shown
from labelwheel.training.questions import Answer, Example, Prediction, Question

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Examples that are waited for together."""

_SAMPLING = 0.8
"""Of the time that there is for a text: samples that take longer must not cost the answer that is there."""

FIRST_PAUSE, LAST_PAUSE = 1.0, 300.0


class LanguageAnswers:
    """By prompts of some labelled examples. Any thread may ask; once it fails, it is left alone for a while."""

    def __init__(self, entry: LanguageEntry, question: Question, shown: Sequence[Shown]) -> None:
        self._entry, self._question, self._shown = entry, question, shown
        self._pause, self._again = FIRST_PAUSE, 0.0
        self._prompts: tuple[tuple[Question, int, str], Prompts] | None = None
        self.problem: str | None = None
        self.sampled = False
        """Whether it was asked more than once for an answer."""
        self._told = False

    def check(self, examples: Sequence[Example]) -> None:
        """Nothing: it may be away, and what lies beside it answers then."""

    def predict(self, question: Question, examples: Sequence[Example]) -> list[Prediction | None]:
        """For each example, in order, its answer as far as it fits the question; None where none was to be had."""
        found: list[Prediction | None] = []
        for start in range(0, len(examples), AT_ONCE):
            some = examples[start : start + AT_ONCE]
            said = self._said(question, some)
            for example, one in zip(some, said, strict=True):
                found += [None] if one is None else fitting(question, [example], [one], self._entry.unscored)
        return found

    def raw(self, question: Question, examples: Sequence[Example]) -> list[Said]:
        """All answers, none of them calibrated, and nothing for a text that may not be sent.

        Raises LanguageModelFailed where another one is not to be had.
        """
        found = []
        for start in range(0, len(examples), AT_ONCE):
            said = self._said(question, examples[start : start + AT_ONCE])
            if self.problem is not None:
                raise LanguageModelFailed(self.problem)
            found += [each or Said() for each in said]
        return found

    def close(self) -> None:
        """Its client belongs to the process."""

    def _said(self, question: Question, examples: Sequence[Example]) -> list[Said | None]:
        if time.monotonic() < self._again:
            return [None] * len(examples)
        try:
            client = self._client()
            prompts = self._prompts_of(question, client.model)
        except LabelwheelError as error:
            self._failed(str(error))
            return [None] * len(examples)
        futures = [client.pool.submit(self._one, client, prompts, example) for example in examples]
        # each takes up to so long, and they take turns
        rounds = math.ceil(len(examples) / client.model.concurrency)
        deadline = time.monotonic() + client.model.seconds * rounds
        found: list[Said | None] = []
        failed = ""
        for future in futures:
            try:
                found.append(future.result(0 if failed else max(0.0, deadline - time.monotonic())))
                continue
            except (LabelwheelError, sqlite3.Error) as error:
                failed = failed or str(error)
            except Late:
                failed = failed or f"{client.model.place} did not answer in time"
            except CancelledError:
                pass
            found.append(None)
            for each in futures:
                each.cancel()
        if failed:
            self._failed(failed)
        else:
            self._pause, self.problem = FIRST_PAUSE, None
        return found

    def _client(self) -> Client:
        model = endpoint.named()
        if model is None:
            raise LanguageModelFailed(f"LABELWHEEL_LLM_URL names no endpoint for {self._entry.model} here")
        if model.model != self._entry.model:
            raise LanguageModelFailed(f"LABELWHEEL_LLM_MODEL is {model.model}, and what passed was {self._entry.model}")
        return clients.of(model.model_copy(update={"project": ""}))

    def _prompts_of(self, question: Question, model: LanguageModel) -> Prompts:
        held, name = self._prompts, (question, model.context_tokens, model.redaction)
        if held is None or held[0] != name:
            posed = [
                Shown(example=_reposed(question, self._question, each.example), answer=each.answer)
                for each in self._shown
                if question.fitting(each.answer, _reposed(question, self._question, each.example))[0] is not None
            ]
            prompts = Prompts(question, posed, model.context_tokens, redaction.of(model.redaction))
            held = self._prompts = (name, prompts)
        return held[1]

    def _one(self, client: Client, prompts: Prompts, example: Example) -> Said | None:
        """None where nothing of the text may be sent."""
        kind, question = kind_of(prompts.question), prompts.question
        shape, end = kind.answer_schema(question), time.monotonic() + _SAMPLING * client.model.seconds
        assert shape is not None
        schema = {
            "type": "object",
            "properties": {"answer": shape},
            "required": ["answer"],
            "additionalProperties": False,
        }
        try:
            messages, text, sent = prompts.prompt(example)
        except RedactionFailed as error:
            self._unsent(error)
            return None
        most = clients.WORDS if kind.free else clients.REPLY

        def ask(sample: int = 0) -> Reply:
            left = end - time.monotonic() if sample else None
            return client.ask(messages, schema, self._entry.project, most, sample, left)

        def heard(reply: Reply) -> Answer:
            said = _said(reply.text)
            if client.model.redaction:
                said = kind.found_again(said, text, sent)
            return kind.answer_heard(question, said, example)

        reply = ask()
        try:
            answer = heard(reply)
        except InvalidAnswer as error:
            wrong = f'That cannot be used: {error}. Write JSON such as {{"answer": …}} and nothing else.'
            messages += [{"role": "assistant", "content": reply.text[:1000]}, {"role": "user", "content": wrong}]
            reply = ask()
            try:
                answer = heard(reply)
            except InvalidAnswer:
                return Said()
        sure = reply.sure
        if sure is None and 1 < self._entry.samples <= client.model.samples:
            sure = self._agreement(lambda sample: heard(ask(sample)), question, example, answer)
        return Said(answer=answer, score=self._true(sure))

    def _agreement(
        self, another: Callable[[int], Answer], question: Question, example: Example, answer: Answer
    ) -> float | None:
        """How far further samples say the same, as if one more had and one had not; None where they are not to be had.

        An answer is there by then: what becomes of these costs its score and no more.
        """
        kind, agreed = kind_of(question), 1.0
        for sample in range(1, self._entry.samples):
            try:
                other = another(sample)
            except InvalidAnswer:
                continue
            except LanguageModelFailed:
                return None
            agreed += 1.0 - kind.score(question, example, answer, Prediction(answer=other)).loss
        self.sampled = True
        return agreed / (self._entry.samples + 1)

    def _unsent(self, error: RedactionFailed) -> None:
        """Said once: it may be so of every text."""
        if not self._told:
            logger.warning("%s; what lies beside it answers such texts", error)
        self._told = True

    def _true(self, sure: float | None) -> float | None:
        entry = self._entry
        if sure is None or entry.slope <= 0:
            return None
        return calibrated(sure, entry.slope, entry.shift)

    def _failed(self, problem: str) -> None:
        self.problem = problem
        logger.warning("%s; what lies beside it answers meanwhile, another try in %.0f s", problem, self._pause)
        self._again = time.monotonic() + self._pause
        self._pause = min(LAST_PAUSE, 2 * self._pause)


def calibrated(sure: float, slope: float, shift: float) -> float:
    """A probability as labels have shown it to be."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, slope * logit(sure) + shift))))


def logit(sure: float) -> float:
    """Within reason at both ends."""
    sure = min(max(sure, 1e-4), 1 - 1e-4)
    return math.log(sure / (1 - sure))


def _reposed(question: Question, other: Question, example: Example) -> Example:
    return Example(key=example.key, fields=dict(zip(question.inputs, other.texts(example), strict=False)))


def _said(text: str) -> Any:
    """What stands in {"answer": …}. Raises InvalidAnswer, in words that the model is told."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidAnswer("it is not JSON and nothing else") from None
    if not isinstance(said, dict) or set(said) != {"answer"}:
        raise InvalidAnswer('it is not an object with "answer" alone')
    return said["answer"]

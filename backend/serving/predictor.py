"""From examples to suggestions: what is cached, what is computed, and what may leave."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field

import numpy as np

from backend.errors import Overloaded, TooLarge
from backend.serving import guard
from backend.serving.cache import AnswerCache
from backend.serving.engine import Loaded
from backend.serving.queue import InferenceQueue, Priority
from training.learners.base import Encoding
from training.questions import Example, Prediction, Question

SLICE = 128
"""How many examples of a request are tokenized ahead: bounds its memory, keeps the device busy."""

INTERACTIVE = 8
"""Up to so many examples, a person is taken to be waiting."""


@dataclass(frozen=True)
class Member:
    """One question as it is served: what is asked now, and the checkpoint that answers."""

    question: Question
    model: Loaded


@dataclass
class Counts:
    """What happened since the start; read by the metrics."""

    examples: int = 0
    dropped: int = 0
    unreadable: int = 0


@dataclass
class _Pending:
    """A slice of one question that is on its way through the model."""

    member: Member
    places: list[int]
    examples: list[Example]
    encodings: list[Encoding]
    logits: Future[list[np.ndarray]] = field(default_factory=Future)


class Predictor:
    """Answers questions with models, through the queue. Every method may be called from any thread."""

    def __init__(
        self, queue: InferenceQueue, cache: AnswerCache, max_characters: int = 20_000, max_examples: int = 10_000
    ) -> None:
        self._queue, self.cache = queue, cache
        self._max_characters, self._max_examples = max_characters, max_examples
        self.counts = Counts()

    def suggest(
        self,
        members: Mapping[str, Member],
        examples: Sequence[Example],
        priority: Priority | None = None,
        seconds: float = 90.0,
    ) -> list[dict[str, Prediction]]:
        """One prediction per example and question, in order; raises TooLarge, and Overloaded, also after `seconds`."""
        if len(examples) > self._max_examples:
            raise TooLarge(f"{len(examples)} examples in one request; ask for at most {self._max_examples} at a time")
        if priority is None:
            priority = Priority.INTERACTIVE if len(examples) <= INTERACTIVE else Priority.BULK
        deadline = time.monotonic() + seconds
        answers: list[dict[str, Prediction]] = [dict.fromkeys(members, guard.NOTHING) for _ in examples]
        self.counts.examples += len(examples)
        with self._queue.admit(len(examples), priority):
            ahead: list[tuple[str, _Pending]] = []
            try:
                for piece in self._submissions(members, examples, answers, priority, deadline):
                    ahead.append(piece)
                    if len(ahead) > len(members):
                        self._collect(*ahead.pop(0), answers, deadline)
                while ahead:
                    self._collect(*ahead.pop(0), answers, deadline)
            finally:
                for _, pending in ahead:
                    pending.logits.cancel()
        return answers

    def _submissions(
        self,
        members: Mapping[str, Member],
        examples: Sequence[Example],
        answers: list[dict[str, Prediction]],
        priority: Priority,
        deadline: float,
    ) -> Iterator[tuple[str, _Pending]]:
        for start in range(0, len(examples), SLICE):
            for name, member in members.items():
                pending = self._open(name, member, range(start, min(start + SLICE, len(examples))), examples, answers)
                if not pending.examples:
                    continue
                pending.encodings = member.model.encode(member.question, pending.examples)
                pending.logits = self._queue.submit(member.model, pending.encodings, priority, deadline)
                yield name, pending

    def _open(
        self,
        name: str,
        member: Member,
        places: range,
        examples: Sequence[Example],
        answers: list[dict[str, Prediction]],
    ) -> _Pending:
        """What is left to compute of a slice: neither cached nor without anything to read."""
        pending = _Pending(member, [], [], [])
        for place in places:
            example = guard.encodable(examples[place])
            if not guard.readable(member.question, example, self._max_characters):
                self.counts.unreadable += 1
                continue
            known = self.cache.get(_key(member, example))
            if known is not None:
                answers[place][name] = known
            else:
                pending.places.append(place)
                pending.examples.append(example)
        return pending

    def _collect(self, name: str, pending: _Pending, answers: list[dict[str, Prediction]], deadline: float) -> None:
        try:
            logits = pending.logits.result(timeout=max(0.0, deadline - time.monotonic()) + 1.0)
        except FutureTimeout:
            raise Overloaded("the model did not answer in time; try again in a few seconds") from None
        member = pending.member
        predictions = member.model.decode(member.question, pending.examples, pending.encodings, logits)
        for place, example, prediction in zip(pending.places, pending.examples, predictions, strict=True):
            cleaned, dropped = guard.clean(member.question, example, prediction)
            self.counts.dropped += dropped
            answers[place][name] = cleaned
            self.cache.put(_key(member, example), cleaned)


def _key(member: Member, example: Example) -> tuple[str, str, tuple[str, ...]]:
    return member.model.version, member.question.digest, member.question.texts(example)

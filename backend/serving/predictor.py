"""From examples to suggestions: what is cached, what is computed, and what may leave."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from labelwheel.backend.errors import Overloaded, TooLarge
from labelwheel.backend.serving import guard
from labelwheel.backend.serving.batching import Priority
from labelwheel.backend.serving.cache import AnswerCache
from labelwheel.backend.serving.engine import Encoder, Loaded
from labelwheel.backend.serving.feature_store import FeatureStore, rounded
from labelwheel.backend.serving.foreign import Passing
from labelwheel.backend.serving.queue import InferenceQueue
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.questions import Example, Prediction, Question

SLICE = 128
"""How many examples of a request are tokenized ahead: bounds its memory, keeps the device busy."""

SAMPLE = 64
"""How many examples of a large request tell what the whole will cost."""

TOKENS = 32_768
"""Of so many tokens features are given at once where each has its own: 200 MB of a small encoder."""

INTERACTIVE = 8
"""Up to so many examples, a person is taken to be waiting."""


@dataclass(frozen=True)
class ServedQuestion:
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

    member: ServedQuestion
    places: list[int]
    examples: list[Example]
    encodings: list[Encoding]
    features: Future[list[np.ndarray]] = field(default_factory=Future)


class Read(NamedTuple):
    """Rows of examples, what a layered encoder gives of each, and the logits of the checkpoint's own head.

    Where each token has a row, its `answers` to all examples in place of logits.
    """

    encodings: list[Encoding]
    features: list[np.ndarray]
    logits: list[np.ndarray]
    answers: list[Prediction]


class _Shared:
    """What the questions of one slice have in common: rows of the same texts, and passes of them through an encoder."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, list[Encoding]] = {}
        self._passes: dict[Hashable, Future[list[np.ndarray]]] = {}

    def rows(self, pending: _Pending) -> list[Encoding]:
        key = self._key(pending)
        if key not in self._rows:
            member = pending.member
            self._rows[key] = member.model.encode(member.question, pending.examples)
        return self._rows[key]

    def features(
        self, pending: _Pending, submit: Callable[[Encoder, list[Encoding]], Future[list[np.ndarray]]]
    ) -> Future[list[np.ndarray]]:
        encoder = pending.member.model.encoder
        key = id(encoder), self._key(pending)
        if key not in self._passes:
            self._passes[key] = submit(encoder, pending.encodings)
        return self._passes[key]

    @staticmethod
    def _key(pending: _Pending) -> Hashable:
        question = pending.member.question
        return pending.member.model.reading, question.inputs, kind_of(question).sides, tuple(pending.places)


SHOWN: Mapping[str, float] = MappingProxyType({})
"""By kind of question from which score on there is a suggestion; here always."""


class Predictor:
    """Answers questions with models, through the queue. Every method may be called from any thread."""

    def __init__(
        self,
        queue: InferenceQueue,
        cache: AnswerCache,
        max_characters: int = 20_000,
        max_examples: int = 10_000,
        shown_from: Mapping[str, float] = SHOWN,
        store: FeatureStore | None = None,
    ) -> None:
        self._queue, self.cache, self._shown_from, self.store = queue, cache, shown_from, store
        self._max_characters, self._max_examples = max_characters, max_examples
        self.counts = Counts()

    def suggest(
        self,
        members: Mapping[str, ServedQuestion],
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
        with self._queue.admit(len(examples), priority) as place:
            if len(examples) > SLICE:
                place.expect(self._tokens(members, examples), len(examples), deadline)
            ahead: list[tuple[str, _Pending]] = []

            def submit(encoder: Encoder, rows: list[Encoding]) -> Future[list[np.ndarray]]:
                return self._submit(encoder, rows, priority, deadline)

            try:
                for piece in self._submissions(members, examples, answers, submit):
                    ahead.append(piece)
                    if len(ahead) > len(members):
                        place.done(self._collect(*ahead.pop(0), answers, deadline), deadline)
                while ahead:
                    self._collect(*ahead.pop(0), answers, deadline)
            finally:
                for _, pending in ahead:
                    pending.features.cancel()
        return answers

    def features(self, member: ServedQuestion, examples: Sequence[Example], seconds: float) -> Read:
        """What the layered encoder gives of examples, for heads that are to stand on it; as bulk work.

        Examples that have nothing to read give no rows. Raises Overloaded, and TooLarge where there are no layers or
        too many tokens.
        """
        encoder, deadline = member.model.encoder.layered, time.monotonic() + seconds
        if encoder is None:
            raise TooLarge(f"{member.model.version} keeps its layers to itself")
        whole = [guard.encodable(example) for example in examples]
        blank = Example(key="", fields={})
        read = [each if guard.readable(member.question, each, self._max_characters) else blank for each in whole]
        encodings = member.model.encode(member.question, read)
        if encoder.tokens and sum(len(row.input_ids) for row in encodings) > TOKENS:
            raise TooLarge(f"features of more than {TOKENS} tokens in one request; ask for fewer examples at a time")
        with self._queue.admit(len(examples), Priority.BULK):
            found = self._submit(encoder, encodings, Priority.BULK, deadline).result(seconds + 1.0)
        logits = member.model.head(found)
        if kind_of(member.question).row is not Row.TOKEN:
            return Read(encodings, found, logits, [])
        return Read(encodings, found, [], member.model.decode(member.question, read, encodings, logits))

    def _submit(
        self, encoder: Encoder, rows: list[Encoding], priority: Priority, deadline: float
    ) -> Future[list[np.ndarray]]:
        """The features of rows, from the store as far as they are there."""
        store = self.store
        if store is None or encoder.layered is not encoder or encoder.tokens:
            return self._queue.submit(encoder, rows, priority, deadline)
        known = store.get(encoder.name, rows)
        lacking = [place for place, one in enumerate(known) if one is None]
        whole: Future[list[np.ndarray]] = Future()
        if not lacking:
            whole.set_result([one.astype(np.float32) for one in known if one is not None])
            return whole
        asked = [rows[place] for place in lacking]
        part = self._queue.submit(encoder, asked, priority, deadline)

        def fill(done: Future[list[np.ndarray]]) -> None:
            if whole.cancelled() or done.cancelled():
                return
            with suppress(InvalidStateError):  # cancelled meanwhile
                if (error := done.exception()) is not None:
                    whole.set_exception(error)
                    return
                fresh = [rounded(one) for one in done.result()]
                store.put(encoder.name, asked, fresh)
                for place, one in zip(lacking, fresh, strict=True):
                    known[place] = one
                whole.set_result([one.astype(np.float32) for one in known if one is not None])

        part.add_done_callback(fill)
        whole.add_done_callback(lambda done: part.cancel() if done.cancelled() else None)
        return whole

    def _submissions(
        self,
        members: Mapping[str, ServedQuestion],
        examples: Sequence[Example],
        answers: list[dict[str, Prediction]],
        submit: Callable[[Encoder, list[Encoding]], Future[list[np.ndarray]]],
    ) -> Iterator[tuple[str, _Pending]]:
        for start in range(0, len(examples), SLICE):
            shared = _Shared()
            for name, member in members.items():
                pending = self._open(name, member, range(start, min(start + SLICE, len(examples))), examples, answers)
                if not pending.examples:
                    continue
                pending.encodings = shared.rows(pending)
                pending.features = shared.features(pending, submit)
                yield name, pending

    def _open(
        self,
        name: str,
        member: ServedQuestion,
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

    def _tokens(self, members: Mapping[str, ServedQuestion], examples: Sequence[Example]) -> float:
        """About how many tokens a request has to be computed for, from a sample of its examples."""
        sample = [guard.encodable(each) for each in examples[:: -(-len(examples) // SAMPLE)]]
        passes: dict[Hashable, int] = {}
        for member in members.values():
            fresh = [
                example
                for example in sample
                if guard.readable(member.question, example, self._max_characters)
                and _key(member, example) not in self.cache
            ]
            rows = member.model.encode(member.question, fresh) if fresh else []
            key = id(member.model.encoder), member.model.reading, member.question.inputs
            passes[key] = max(passes.get(key, 0), sum(len(row.input_ids) for row in rows))
        return sum(passes.values()) * len(examples) / len(sample)

    def _collect(self, name: str, pending: _Pending, answers: list[dict[str, Prediction]], deadline: float) -> int:
        """Fills in the answers of a slice; returns how many tokens it had."""
        try:
            features = pending.features.result(timeout=max(0.0, deadline - time.monotonic()) + 1.0)
        except FutureTimeout:
            raise Overloaded("the model did not answer in time; try again in a few seconds") from None
        member = pending.member
        logits = member.model.head(features)
        predictions = member.model.decode(member.question, pending.examples, pending.encodings, logits)
        least = self._shown_from.get(member.question.kind, 0.0)
        for place, example, prediction in zip(pending.places, pending.examples, predictions, strict=True):
            cleaned, dropped = guard.clean(member.question, example, prediction, least)
            self.counts.dropped += dropped
            answers[place][name] = cleaned
            if not isinstance(predictions, Passing):
                self.cache.put(_key(member, example), cleaned)
        return sum(len(row.input_ids) for row in pending.encodings)


def _key(member: ServedQuestion, example: Example) -> tuple[str, str, tuple[str, ...]]:
    return member.model.version, member.question.digest, member.question.texts(example)

"""The way to the device: a thread for each of its lanes runs the encoders, what a person waits for goes first.

The last lane only helps where more waits than a quarter of a batch: until then its core is for those who ask.

Work is cut into batches of bounded size, so that a single task waits for at most the batch that is under way. While
people ask, the batches of bulk work are small ones; where people ask for more than the device can do, bulk work still
gets a third of its tokens. Rows of several requests that want the same encoder share a batch: those that came while the
batch before was computed. Nobody is held back for others that might come, and nobody computes in the thread of a
request (both measured on two cores: neither gives more answers a second to 32 clients, nor a single one sooner).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np

from labelwheel.backend.errors import Overloaded
from labelwheel.backend.serving import cores, waiting
from labelwheel.backend.serving.batching import Chunk, Priority, Ticket, cut, gather
from labelwheel.backend.serving.engine import Encoder, Engine
from labelwheel.backend.serving.pace import Pace, Place
from labelwheel.training.kinds.base import Encoding

log = logging.getLogger(__name__)

BULK_SHARE = 1 / 3
POLITE_SECONDS = 5.0
CROWD = 1 / 4
"""Of a batch; with a whole one, threads without HTTP get two thirds of the answers, and clients over HTTP no more."""

FULL = 1 / 4
"""Of a batch: what a smaller one takes for a token says nothing about a request of thousands of texts."""

LARGE = 128
"""A bulk request of more examples holds its thread for long; one of fewer is a matter of a second."""

OnBatch = Callable[[int, int, int, float], None]
"""Is told of each batch: rows, tokens, tokens with padding, seconds."""

_STOPPING = "the service is stopping; try again in a few seconds"


class InferenceQueue:
    """One device's queue and its threads; the engine says how many there are and how large a batch may be.

    `limit` bounds the examples of all admitted requests, `bulk_limit` how many large ones are admitted at once, so
    that they can never take every thread of the web server.
    """

    def __init__(
        self, engine: Engine, limit: int = 20_000, bulk_limit: int = 8, on_batch: OnBatch | None = None
    ) -> None:
        self._engine = engine
        self._limit, self._bulk_limit = limit, bulk_limit
        self._on_batch = on_batch
        self._admitted = self._large = 0
        self._owed = 0.0  # tokens that bulk work has waited for
        self._asked = -POLITE_SECONDS
        self._chunks: dict[Priority, deque[Chunk]] = {priority: deque() for priority in Priority}
        self._rows = self._tokens = 0  # that wait
        lock = threading.Lock()
        self._changed, self._crowded = threading.Condition(lock), threading.Condition(lock)
        self._closed = False
        self._threads: list[threading.Thread] = []
        self.late = 0
        self.pace = Pace(engine.lanes)

    @property
    def depth(self) -> int:
        """Examples of all requests that are admitted and not answered yet."""
        return self._admitted

    @property
    def asked(self) -> float:
        """When somebody who waits asked last, as time.monotonic() has it."""
        return self._asked

    @contextmanager
    def admit(self, examples: int, priority: Priority) -> Iterator[Place]:
        """Holds a place for a whole request; raises Overloaded at once where there is none."""
        place = self.pace.enter()
        large = priority is Priority.BULK and examples > LARGE
        with self._changed:
            if self._admitted and self._admitted + examples > self._limit:
                raise Overloaded(f"{self._admitted} examples are waiting for the model; try again in a few seconds")
            if large and self._large >= self._bulk_limit:
                raise Overloaded(f"{self._large} bulk requests are under way; try again in a few seconds")
            self._admitted += examples
            self._large += large
        try:
            yield place
        finally:
            self.pace.leave(place)
            with self._changed:
                self._admitted -= examples
                self._large -= large

    def submit(
        self, encoder: Encoder, encodings: Sequence[Encoding], priority: Priority, deadline: float
    ) -> Future[list[np.ndarray]]:
        """The features of the rows, in order. After `deadline` (time.monotonic) nothing is computed: Overloaded."""
        ticket = Ticket([None] * len(encodings), len(encodings), deadline)
        if not encodings:
            ticket.future.set_result([])
            return ticket.future
        chunks = list(cut(ticket, encoder, encodings, self._engine))
        with self._changed:
            if self._closed:
                raise Overloaded(_STOPPING)
            if not self._threads:
                self._start()
            self._chunks[priority].extend(chunks)
            self._count(chunks, 1)
            if priority is Priority.INTERACTIVE:
                self._asked = time.monotonic()
            self._changed.notify(len(chunks))
            if self._is_crowded():
                self._crowded.notify()
        return ticket.future

    def close(self) -> None:
        """Stops the threads after the batches that are under way; whatever still waits fails as Overloaded."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._crowded.notify_all()
        for thread in self._threads:
            thread.join(30)
        for chunks in self._chunks.values():
            while chunks:
                chunks.popleft().ticket.fail(Overloaded(_STOPPING))

    def _start(self) -> None:
        lanes = self._engine.lanes
        for number in range(lanes):
            helps, name = number == lanes - 1 > 0, f"inference-{number}"
            self._threads.append(threading.Thread(target=self._run, args=(helps,), name=name, daemon=True))
            self._threads[-1].start()

    def _run(self, helps: bool) -> None:
        cores.take_all()
        # all that holds a model lives in the call: an old one must not be kept while the thread waits for work
        while self._step(helps):
            pass

    def _step(self, helps: bool) -> bool:
        batch = self._take(helps)
        if batch is None:
            return False
        self._compute(batch)
        return True

    def _take(self, helps: bool) -> list[Chunk] | None:
        with self._changed:
            while not self._closed and not (self._is_crowded() if helps else self._rows):
                (self._crowded if helps else self._changed).wait()
            if self._closed:
                return None
            batch = self._next()
            self._count(batch, -1)
            return batch

    def _count(self, chunks: Sequence[Chunk], sign: int) -> None:
        self._rows += sign * sum(len(chunk.rows) for chunk in chunks)
        self._tokens += sign * sum(chunk.tokens for chunk in chunks)

    def _is_crowded(self) -> bool:
        return self._rows > CROWD * self._engine.batch_rows or self._tokens > CROWD * self._engine.batch_tokens

    def _next(self) -> list[Chunk]:
        interactive, bulk = self._chunks[Priority.INTERACTIVE], self._chunks[Priority.BULK]
        rows, tokens, polite = self._engine.batch_rows, self._engine.batch_tokens, self._engine.polite_tokens
        if interactive and not (bulk and self._owed >= polite):
            batch = gather(interactive, rows, tokens)
            self._owed += _padded(batch) * BULK_SHARE / (1 - BULK_SHARE) if bulk else 0.0
            return batch
        if time.monotonic() - self._asked < POLITE_SECONDS:
            tokens = min(tokens, max(polite, int(self._owed)))
        self._owed = 0.0
        return gather(bulk, rows, tokens)

    def _compute(self, batch: list[Chunk]) -> None:
        now = time.monotonic()
        late = [chunk for chunk in batch if not chunk.ticket.is_waited_for]
        if late:
            with self._changed:
                self.late += sum(len(chunk.rows) for chunk in late)
        for chunk in late:
            chunk.ticket.fail(Overloaded("the model did not get to it in time; try again in a few seconds"))
        batch = [chunk for chunk in batch if chunk not in late]
        if not batch:
            return
        rows = [row for chunk in batch for row in chunk.rows]
        try:
            with waiting.on(lambda: any(chunk.ticket.is_waited_for for chunk in batch)):
                features = batch[0].encoder.features(rows)
        except waiting.Unwanted:
            with self._changed:
                self.late += len(rows)
            for chunk in batch:
                chunk.ticket.fail(Overloaded("the model did not come to an end in time; try again in a few seconds"))
            return
        except BaseException as error:
            if len(batch) > 1:  # one bad row must not cost the others their answer
                for chunk in batch:
                    self._compute([chunk])
                return
            log.exception("the model failed on a batch of %d", len(rows))
            batch[0].ticket.fail(error)
            return
        lengths, seconds = [len(row.input_ids) for row in rows], time.monotonic() - now
        if len(rows) >= FULL * self._engine.batch_rows or sum(lengths) >= FULL * self._engine.batch_tokens:
            self.pace.note(sum(lengths), seconds)
        if self._on_batch:
            self._on_batch(len(rows), sum(lengths), len(rows) * max(lengths), seconds)
        start = 0
        for chunk in batch:
            chunk.ticket.deliver(chunk.places, features[start : start + len(chunk.rows)])
            start += len(chunk.rows)


def _padded(batch: Sequence[Chunk]) -> int:
    return sum(len(chunk.rows) for chunk in batch) * max(chunk.longest for chunk in batch)

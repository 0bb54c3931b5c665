"""The way to the device: one thread runs the model, what a person waits for goes first.

Work is cut into batches of bounded size, so that a single task waits for at most the batch that is under way (after
`PATIENCE` of them in a row one batch of bulk work goes ahead, or it would starve). Rows of several requests that want
the same model share a batch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from backend.errors import Overloaded
from backend.serving.engine import Engine, Loaded
from training.learners.base import Encoding

log = logging.getLogger(__name__)

PATIENCE = 16
_SCAN = 64


class Priority(IntEnum):
    """Who is asking."""

    INTERACTIVE = 0  # a person waits
    BULK = 1


@dataclass(eq=False)
class _Ticket:
    """One submission: its rows may come back in several batches, the future is set with the last."""

    logits: list[np.ndarray | None]
    missing: int
    deadline: float
    future: Future[list[np.ndarray]] = field(default_factory=Future)

    def deliver(self, places: Sequence[int], logits: Sequence[np.ndarray]) -> None:
        for place, row in zip(places, logits, strict=True):
            self.logits[place] = row
        self.missing -= len(places)
        if not self.missing and not self.future.done():
            self.future.set_result(self.logits)  # type: ignore[arg-type]

    def fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):  # another batch of the same submission may have failed before
            self.future.set_exception(error)


@dataclass(eq=False)
class _Chunk:
    """Rows of one submission that go through the model together."""

    ticket: _Ticket
    model: Loaded
    places: Sequence[int]
    rows: Sequence[Encoding]
    longest: int


class InferenceQueue:
    """One device's queue and its thread; the engine says how large a batch may be.

    `limit` bounds the examples of all admitted requests, `bulk_limit` how many bulk requests are admitted at once, so
    that they can never take every thread of the web server. `on_batch(rows, tokens, seconds)` is told of each batch.
    """

    def __init__(
        self,
        engine: Engine,
        limit: int = 20_000,
        bulk_limit: int = 8,
        on_batch: Callable[[int, int, float], None] | None = None,
    ) -> None:
        self._engine = engine
        self._limit, self._bulk_limit = limit, bulk_limit
        self._on_batch = on_batch
        self._admitted = self._bulk = self._in_a_row = 0
        self._chunks: dict[Priority, deque[_Chunk]] = {priority: deque() for priority in Priority}
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def depth(self) -> int:
        """Examples of all requests that are admitted and not answered yet."""
        return self._admitted

    @contextmanager
    def admit(self, examples: int, priority: Priority) -> Iterator[None]:
        """Holds a place for a whole request; raises Overloaded at once where there is none."""
        bulk = priority is Priority.BULK
        with self._changed:
            if self._admitted and self._admitted + examples > self._limit:
                raise Overloaded(f"{self._admitted} examples are waiting for the model; try again in a few seconds")
            if bulk and self._bulk >= self._bulk_limit:
                raise Overloaded(f"{self._bulk} bulk requests are under way; try again in a few seconds")
            self._admitted += examples
            self._bulk += bulk
        try:
            yield
        finally:
            with self._changed:
                self._admitted -= examples
                self._bulk -= bulk

    def submit(
        self, model: Loaded, encodings: Sequence[Encoding], priority: Priority, deadline: float
    ) -> Future[list[np.ndarray]]:
        """The logits of the rows, in order. After `deadline` (time.monotonic) nothing is computed: Overloaded."""
        ticket = _Ticket([None] * len(encodings), len(encodings), deadline)
        if not encodings:
            ticket.future.set_result([])
            return ticket.future
        chunks = list(_cut(ticket, model, encodings, self._engine))
        with self._changed:
            if self._closed:
                raise Overloaded("the service is stopping; try again in a few seconds")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
                self._thread.start()
            self._chunks[priority].extend(chunks)
            self._changed.notify()
        return ticket.future

    def close(self) -> None:
        """Stops the thread after the batch that is under way; whatever still waits fails as Overloaded."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(30)
        error = Overloaded("the service is stopping; try again in a few seconds")
        for chunks in self._chunks.values():
            while chunks:
                chunks.popleft().ticket.fail(error)

    def _run(self) -> None:
        # all that holds a model lives in the call: an old one must not be kept while the thread waits for work
        while self._step():
            pass

    def _step(self) -> bool:
        batch = self._take()
        if batch is None:
            return False
        self._compute(batch)
        return True

    def _take(self) -> list[_Chunk] | None:
        with self._changed:
            while not self._closed and not any(self._chunks.values()):
                self._changed.wait()
            if self._closed:
                return None
            interactive, bulk = self._chunks[Priority.INTERACTIVE], self._chunks[Priority.BULK]
            if interactive and not (bulk and self._in_a_row >= PATIENCE):
                self._in_a_row += 1
                return _gather(interactive, self._engine)
            self._in_a_row = 0
            return _gather(bulk, self._engine)

    def _compute(self, batch: list[_Chunk]) -> None:
        now = time.monotonic()
        late = [chunk for chunk in batch if chunk.ticket.deadline < now or chunk.ticket.future.done()]
        for chunk in late:
            chunk.ticket.fail(Overloaded("the model did not get to it in time; try again in a few seconds"))
        batch = [chunk for chunk in batch if chunk not in late]
        if not batch:
            return
        rows = [row for chunk in batch for row in chunk.rows]
        try:
            logits = batch[0].model.logits(rows)
        except BaseException as error:
            if len(batch) > 1:  # one bad row must not cost the others their answer
                for chunk in batch:
                    self._compute([chunk])
                return
            log.exception("the model failed on a batch of %d", len(rows))
            batch[0].ticket.fail(error)
            return
        if self._on_batch:
            self._on_batch(len(rows), sum(len(row.input_ids) for row in rows), time.monotonic() - now)
        start = 0
        for chunk in batch:
            chunk.ticket.deliver(chunk.places, logits[start : start + len(chunk.rows)])
            start += len(chunk.rows)


def _cut(ticket: _Ticket, model: Loaded, encodings: Sequence[Encoding], engine: Engine) -> Iterator[_Chunk]:
    """Chunks of rows of like length, so that little is padded; the longest first, as memory is then known to do."""
    order = sorted(range(len(encodings)), key=lambda place: -len(encodings[place].input_ids))
    while order:
        longest = max(1, len(encodings[order[0]].input_ids))
        size = max(1, min(engine.batch_rows, engine.batch_tokens // longest))
        places, order = order[:size], order[size:]
        yield _Chunk(ticket, model, places, [encodings[place] for place in places], longest)


def _gather(waiting: deque[_Chunk], engine: Engine) -> list[_Chunk]:
    """The first chunk, filled up with others of the same model that still fit the batch."""
    batch = [waiting.popleft()]
    rows, longest = len(batch[0].rows), batch[0].longest
    passed = []
    for _ in range(min(_SCAN, len(waiting))):
        if rows >= engine.batch_rows:
            break
        chunk = waiting.popleft()
        total = rows + len(chunk.rows)
        fits = total <= engine.batch_rows and total * max(longest, chunk.longest) <= engine.batch_tokens
        if chunk.model is batch[0].model and fits:
            batch.append(chunk)
            rows, longest = total, max(longest, chunk.longest)
        else:
            passed.append(chunk)
    waiting.extendleft(reversed(passed))
    return batch

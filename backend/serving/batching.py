"""How requests become batches: cut by length, and put together across requests."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from labelwheel.backend.serving.engine import Encoder, Engine
from labelwheel.training.kinds.base import Encoding

_SCAN = 64


class Priority(IntEnum):
    """Who is asking."""

    INTERACTIVE = 0  # a person waits
    BULK = 1


@dataclass(eq=False)
class Ticket:
    """One submission: its rows may come back in several batches, the future is set with the last."""

    features: list[np.ndarray | None]
    missing: int
    deadline: float
    future: Future[list[np.ndarray]] = field(default_factory=Future)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_waited_for(self) -> bool:
        """Neither answered, nor cancelled, nor too late."""
        return time.monotonic() <= self.deadline and not self.future.done()

    def deliver(self, places: Sequence[int], features: Sequence[np.ndarray]) -> None:
        for place, row in zip(places, features, strict=True):
            self.features[place] = row
        with self._lock:  # several lanes may come at once
            self.missing -= len(places)
            whole = not self.missing
        if whole and not self.future.done():
            with suppress(InvalidStateError):  # cancelled since
                self.future.set_result(self.features)  # type: ignore[arg-type]

    def fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):  # another batch of the same submission may have failed before
            self.future.set_exception(error)


@dataclass(eq=False)
class Chunk:
    """Rows of one submission that go through the encoder together, the longest first."""

    ticket: Ticket
    encoder: Encoder
    places: Sequence[int]
    rows: Sequence[Encoding]

    @property
    def longest(self) -> int:
        return max(1, len(self.rows[0].input_ids))

    @property
    def tokens(self) -> int:
        return sum(len(row.input_ids) for row in self.rows)

    def split(self, count: int) -> tuple[Chunk, Chunk]:
        """The first few rows, and the others."""
        first, other = slice(None, count), slice(count, None)
        return (
            Chunk(self.ticket, self.encoder, self.places[first], self.rows[first]),
            Chunk(self.ticket, self.encoder, self.places[other], self.rows[other]),
        )


def cut(ticket: Ticket, encoder: Encoder, encodings: Sequence[Encoding], engine: Engine) -> Iterator[Chunk]:
    """Chunks of rows of like length, so that little is padded; the longest first, as memory is then known to do."""
    order = sorted(range(len(encodings)), key=lambda place: -len(encodings[place].input_ids))
    while order:
        size = _fitting(len(encodings[order[0]].input_ids), engine.batch_rows, engine.batch_tokens)
        places, order = order[:size], order[size:]
        yield Chunk(ticket, encoder, places, [encodings[place] for place in places])


def gather(waiting: deque[Chunk], most_rows: int, most_tokens: int) -> list[Chunk]:
    """The first chunk, or what fits of it, filled up with others of the same encoder that fit as well."""
    first = waiting.popleft()
    size = _fitting(first.longest, most_rows, most_tokens)
    if len(first.rows) > size:
        first, rest = first.split(size)
        waiting.appendleft(rest)
        return [first]
    batch, passed = [first], []
    rows, longest = len(first.rows), first.longest
    for _ in range(min(_SCAN, len(waiting))):
        if rows >= most_rows:
            break
        chunk = waiting.popleft()
        total, wide = rows + len(chunk.rows), max(longest, chunk.longest)
        if chunk.encoder is first.encoder and total <= most_rows and total * wide <= most_tokens:
            batch.append(chunk)
            rows, longest = total, wide
        else:
            passed.append(chunk)
    waiting.extendleft(reversed(passed))
    return batch


def _fitting(longest: int, rows: int, tokens: int) -> int:
    return max(1, min(rows, tokens // max(1, longest)))

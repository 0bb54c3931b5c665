"""A client's connection: its head is collected without anybody waiting, its body against a deadline."""

from __future__ import annotations

import errno
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any

from gunicorn import http  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

from labelwheel.backend.errors import Overloaded

MAX_HEAD = 64 * 1024
SEND_SECONDS = 30
"""A client that takes nothing of its answer for so long has lost it."""

PROMPT_SECONDS = 1.0
"""What has not arrived by then is slow, and slow bodies may only take so many threads."""

_END = b"\r\n\r\n"
_PIECE = 2**16


class PatientSocket(socket.socket):
    """A blocking socket whose reads end at a deadline and whose writes end where nobody reads.

    `slow` is shared by all of a worker: the places for bodies that take long to arrive.
    """

    deadline: float | None = None
    slow: threading.Semaphore | None = None
    _began = 0.0
    _holds = False

    @classmethod
    def of(cls, other: socket.socket, slow: threading.Semaphore | None = None) -> PatientSocket:
        """The same connection."""
        made = cls(other.family, other.type, other.proto, fileno=other.detach())
        made.setblocking(True)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        made.slow = slow
        return made

    @contextmanager
    def receiving(self, seconds: float) -> Iterator[None]:
        """Reads within the block raise TimeoutError after so long, or Overloaded where too many are as slow."""
        self._began = time.monotonic()
        self.deadline = self._began + seconds
        try:
            yield
        finally:
            self.deadline = None
            if self._holds and self.slow is not None:
                self._holds = False
                self.slow.release()

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.deadline is not None and not flags:
            self._wait(self.deadline)
        return super().recv(size, flags)

    def sendall(self, data: Any, flags: int = 0) -> None:
        try:
            super().sendall(data, flags)
        except BlockingIOError:
            raise BrokenPipeError(errno.EPIPE, "the client does not read its answer") from None

    def arrived(self, size: int = _PIECE) -> bytes | None:
        """What is there already; None where nothing is, b"" at the end."""
        try:
            return super().recv(size, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None

    def _wait(self, deadline: float) -> None:
        prompt = min(deadline, self._began + PROMPT_SECONDS)
        if self._readable(prompt):
            return
        if not self._holds and self.slow is not None and time.monotonic() < deadline:
            if not self.slow.acquire(blocking=False):
                raise Overloaded("too many requests arrive slowly; try again in a few seconds")
            self._holds = True
        if not self._readable(deadline):
            raise TimeoutError("the client did not send the rest in time")

    def _readable(self, until: float) -> bool:
        left = until - time.monotonic()
        if left <= 0:
            return False
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(left * 1000))


class Head(Enum):
    """How far the head of the next request has come."""

    MISSING = 0
    PARTIAL = 1
    WHOLE = 2
    TOO_LARGE = 3
    ENDED = 4


class Connection(TConn):
    """gunicorn's connection, which is given to a thread with a whole head alone. `on_close` is called once."""

    def __init__(self, cfg: Any, sock: PatientSocket, client: Any, server: Any, on_close: Callable[[], None]) -> None:
        super().__init__(cfg, sock, client, server)
        sock.setblocking(True)
        self.parser = http.get_parser(cfg, sock, client)
        self.initialized = True
        self.drained = 0
        self._head = bytearray()
        self._on_close: Callable[[], None] | None = on_close

    def begin(self) -> Head:
        """Between two requests: what came with the last one may be the next."""
        self._head += self.parser.unreader.take_buffered()
        return self._look(0)

    def fill(self) -> Head:
        """Takes what has arrived, without waiting."""
        before = len(self._head)
        try:
            data = self.sock.arrived()
        except OSError:
            data = b""
        if data == b"":
            return Head.ENDED
        self._head += data or b""
        return self._look(max(0, before - len(_END) + 1))

    def _look(self, start: int) -> Head:
        if self._head.find(_END, start) >= 0:
            self.parser.unreader.unread(bytes(self._head))
            self._head = bytearray()
            return Head.WHOLE
        if len(self._head) > MAX_HEAD:
            return Head.TOO_LARGE
        return Head.PARTIAL if self._head else Head.MISSING

    def close(self, graceful: bool = False) -> None:
        """Closes it at once."""
        with suppress(OSError):
            self.sock.close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

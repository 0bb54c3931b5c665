"""Who waits for a connection's next request: nobody, but for the thread that answered the last one and can be spared.

A thread is given a request whose head has arrived whole. Until then a connection costs one place in a table, and the
oldest that has not asked anything makes room for the next; so slow, half-open and silent clients keep nobody waiting.
"""

from __future__ import annotations

import json
import logging
import os
import select
import selectors
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from labelwheel.backend.networks import networks
from labelwheel.backend.processes.peers import Peers
from labelwheel.backend.processes.sockets import Connection, Head, PatientSocket
from labelwheel.backend.settings import load

log = logging.getLogger(__name__)

LINGER_SECONDS = 0.05
_PART_SECONDS = 5.0
_PART_BYTES = 256 * 2**20
_MALFORMED = {errors.LimitRequestLine: 414, errors.LimitRequestHeaders: 431, errors.ExpectationFailed: 417}


class LingeringWorker(ThreadWorker):
    """gunicorn's threads, each of which waits a moment for its client's next request before it lets go.

    gunicorn hands a connection to its main thread after each answer and to a thread with each request: without that, 32
    clients get 8 % more answers and a single one has it .25 ms sooner. Half of the threads never linger, and none does
    while a connection waits for a thread. Bodies that arrive slowly take half of the threads at most.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        settings = load()
        self._receive_seconds = settings.receive_seconds
        self._peers = Peers(settings.peer_connections, networks(settings.trusted_proxies))
        self._spare = threading.Semaphore(self.cfg.threads // 2)
        self._slow = threading.Semaphore(max(1, self.cfg.threads // 2))
        self._lock = threading.Lock()
        self._waiting = 0
        self._parting: deque[Connection] = deque()

    def accept(self, listener: Any) -> None:
        """Takes a new connection, and its request where that came along."""
        try:
            sock, client = listener.accept()
        except OSError:
            return
        name = self._peers.enter(client[0] if isinstance(client, tuple) else "")
        if name is None:
            _refuse(sock, 429, "TooManyConnections", "this address has its share of connections already; close some")
            sock.close()
            return
        patient = PatientSocket.of(sock, self._slow)
        leave = partial(self._peers.leave, name)
        conn = Connection(self.cfg, patient, client, listener.getsockname(), leave)
        self.nr_conns += 1
        self._make_room()
        self._advance(conn, conn.fill(), new=True)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Takes new connections or not; where it ends, those that wait are taken, and no others can come.

        gunicorn leaves its socket open until all is answered: whoever connects meanwhile would be reset without an
        answer, where one that is refused at once is sent to another process.
        """
        super().set_accept_enabled(enabled)
        if enabled or (self.alive and self.ppid == os.getppid()):
            return
        for listener in self.sockets:
            while self.nr_conns < self.worker_connections and select.select([listener], [], [], 0)[0]:
                self.accept(listener)
            listener.close()
        self.sockets.clear()

    def enqueue_req(self, conn: Connection) -> None:
        with self._lock:
            self._waiting += 1
        super().enqueue_req(conn)

    def handle(self, conn: Connection) -> object:
        with self._lock:
            self._waiting -= 1
        kept = super().handle(conn)
        while kept is True and self._comes(conn):
            kept = super().handle(conn)
        return kept

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """Back on the main thread: the connection waits for its next request, or ends."""
        kept = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        if kept:
            self._advance(conn, conn.begin())
        else:
            self._part(conn)

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._advance(conn, conn.fill())

    def on_pending_socket_readable(self, conn: Connection, client: Any) -> None:
        found = conn.fill()
        if found is not Head.PARTIAL:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._advance(conn, found)

    def murder_pending(self) -> None:
        """Ends what did not say in time what it wants, and what was answered for the last time."""
        now = time.monotonic()
        while self.pending_conns and (self.pending_conns[0].timeout <= now or not self.alive):
            conn = self.pending_conns.popleft()
            self.poller.unregister(conn.sock)
            _refuse(conn.sock, 408, "TooSlow", "the request did not arrive in time; send it all at once")
            self._close(conn)
        while self._parting and (self._parting[0].timeout <= now or not self.alive):
            conn = self._parting.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answers what is no HTTP, in the shape of all our errors."""
        if isinstance(exc, errors.ParseException):
            log.debug("what %s sent is no request: %s", addr, exc)
            status = next((code for kind, code in _MALFORMED.items() if isinstance(exc, kind)), 400)
            _refuse(client, status, "BadRequest", f"the request cannot be read: {exc!s:.200}")
        else:
            log.error("a request could not be answered", exc_info=exc)
            _refuse(client, 500, "InternalError", "something went wrong; the service's log has it")

    def _advance(self, conn: Connection, found: Head, new: bool = False) -> None:
        if found is Head.WHOLE:
            self.enqueue_req(conn)
        elif found is Head.ENDED:
            self._close(conn)
        elif found is Head.TOO_LARGE:
            _refuse(conn.sock, 431, "BadRequest", "the head of the request is too large; send fewer or shorter headers")
            self._part(conn)
        elif found is Head.PARTIAL or new:
            self._await(conn, self.pending_conns, self._receive_seconds, self.on_pending_socket_readable)
        else:
            seconds = self.cfg.keepalive if self.alive else 2.0
            self._await(conn, self.keepalived_conns, seconds, self.on_client_socket_readable)

    def _await(self, conn: Connection, among: deque[Connection], seconds: float, called: Any) -> None:
        conn.timeout = time.monotonic() + seconds
        among.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(called, conn))

    def _part(self, conn: Connection) -> None:
        """Ends a connection without waiting for it, and without a reset that would cost the client its answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._await(conn, self._parting, _PART_SECONDS, self._drain)

    def _drain(self, conn: Connection, client: Any) -> None:
        data: bytes | None = b""
        with suppress(OSError):
            data = conn.sock.arrived(2**20)
        conn.drained += len(data or b"")
        if data == b"" or conn.drained > _PART_BYTES:
            self._parting.remove(conn)
            self.poller.unregister(client)
            self._close(conn)

    def _make_room(self) -> None:
        """The table of connections is never full of those that ask nothing."""
        while self.nr_conns >= self.worker_connections:
            among = next(filter(None, (self._parting, self.pending_conns, self.keepalived_conns)), None)
            if among is None:
                return
            conn = among.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _comes(self, conn: Connection) -> bool:
        """Whether the next request is there, now or within a moment."""
        if self._waiting or not self.alive or not self._spare.acquire(blocking=False):
            return False
        try:
            if conn.parser.unreader.buf.getvalue():
                return conn.begin() is Head.WHOLE
            request = select.poll()
            request.register(conn.sock, select.POLLIN)
            return bool(request.poll(LINGER_SECONDS * 1000)) and conn.fill() is Head.WHOLE
        finally:
            self._spare.release()


def _refuse(sock: socket.socket, status: int, kind: str, message: str) -> None:
    """Answers without waiting; who does not read it goes without."""
    body = json.dumps({"error": {"type": kind, "message": message}})
    retry = "Retry-After: 5\r\n" if status in (408, 429) else ""
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
    length = f"Content-Length: {len(body)}\r\nConnection: close\r\n"
    with suppress(OSError):
        sock.send(f"{head}{retry}{length}\r\n{body}".encode(), socket.MSG_DONTWAIT)

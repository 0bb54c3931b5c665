"""Clients as light as Python goes: they run on the same cores as the server, and are part of what is measured."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

_END = b"\r\n\r\n"


class Client:
    """One connection that stays open: `ask`, then `step` whenever there is something to read, until it is done."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, body: bytes) -> None:
        """Send a request."""
        head = (
            "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._read, self._whole = bytearray(), -1
        self.socket.sendall(head.encode() + body)

    def step(self) -> bool:
        """Whether the answer is complete; raises ConnectionError, and RuntimeError where it is not one of 200."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a connection")
        self._read += piece
        if self._whole < 0 and _END in self._read:
            head = bytes(self._read[: self._read.index(_END)]).lower()
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(self._read.decode(errors="replace"))
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            self._whole = len(head) + len(_END) + length
        return 0 <= self._whole <= len(self._read)

    def results(self) -> list[dict[str, Any]]:
        """What the answer says."""
        return list(json.loads(self._read[self._read.index(_END) :])["results"])

    def predict(self, body: bytes) -> list[dict[str, Any]]:
        """Ask, and wait for the results."""
        try:
            return self._predict(body)
        except ConnectionError:  # closed while nobody asked
            self.socket.close()
            self._connect()
            return self._predict(body)

    def _predict(self, body: bytes) -> list[dict[str, Any]]:
        self.ask(body)
        while not self.step():
            pass
        return self.results()


def rate(ports: Sequence[int], seconds: float, bodies: list[Iterator[bytes]]) -> float:
    """Answers a second of as many clients as there are `bodies`, each of which asks one task after the other.

    They are dealt out among the `ports`.
    """
    with selectors.DefaultSelector() as waiting:
        clients = [(Client(ports[place % len(ports)]), stream) for place, stream in enumerate(bodies)]
        for client, stream in clients:
            waiting.register(client.socket, selectors.EVENT_READ, (client, stream))
            client.ask(next(stream))
        began = time.monotonic() + min(1.0, seconds / 4)
        count, now = 0, time.monotonic()
        while now < began + seconds:
            for key, _ in waiting.select(1.0):
                client, stream = key.data
                if client.step():
                    assert len(client.results()) == 1
                    count += now >= began
                    client.ask(next(stream))
            now = time.monotonic()
        for client, _ in clients:
            client.socket.close()
    return count / (now - began)

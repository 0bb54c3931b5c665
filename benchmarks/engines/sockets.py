"""Many connections in one thread, as light as Python goes: clients on the same cores are part of what is measured."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections.abc import Iterator

_END = b"\r\n\r\n"


class _Connection:
    """One that asks one thing after the other; `step` is called when there is something to read."""

    def __init__(self, port: int, bodies: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._bodies = bodies
        self._read = b""
        self._whole = -1

    def ask(self) -> None:
        body = next(self._bodies)
        head = (
            "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._read, self._whole = b"", -1
        self.socket.sendall(head.encode() + body)

    def step(self) -> bool:
        """Whether the answer is complete; raises RuntimeError where it is anything but one result."""
        piece = self.socket.recv(65536)
        if not piece:
            raise RuntimeError("the server closed a connection")
        self._read += piece
        if self._whole < 0 and _END in self._read:
            head = self._read[: self._read.index(_END)].lower()
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(self._read.decode(errors="replace"))
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            self._whole = len(head) + len(_END) + length
        if self._whole < 0 or len(self._read) < self._whole:
            return False
        if len(json.loads(self._read[self._read.index(_END) :])["results"]) != 1:
            raise RuntimeError(self._read.decode(errors="replace"))
        return True


def rate(port: int, seconds: float, bodies: list[Iterator[bytes]]) -> float:
    """Answers a second of as many clients as there are `bodies`, each of which asks one task after the other."""
    with selectors.DefaultSelector() as waiting:
        connections = [_Connection(port, stream) for stream in bodies]
        for connection in connections:
            waiting.register(connection.socket, selectors.EVENT_READ, connection)
            connection.ask()
        began = time.monotonic() + min(1.0, seconds / 4)
        count, now = 0, time.monotonic()
        while now < began + seconds:
            for key, _ in waiting.select(1.0):
                if key.data.step():
                    count += now >= began
                    key.data.ask()
            now = time.monotonic()
        for connection in connections:
            connection.socket.close()
    return count / (now - began)

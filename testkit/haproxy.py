"""HAProxy in front of several web processes, as one address.

with Haproxy([9091, 9092]) as proxy:
    print(proxy.url)
"""

from __future__ import annotations

import csv
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from testkit.server import Process, Server, clean_environment, end, listens

_CONFIGURATION = """
global
    maxconn 2000
    stats socket {socket} level admin
defaults
    mode http
    timeout connect 2s
    timeout client 120s
    timeout server 120s
    timeout check 10s
    # a connection that was refused has sent nothing: another process gets it; what was sent is nobody's to repeat
    option redispatch 1
    option http-server-close
    retries 3
    retry-on conn-failure
frontend all
    bind 127.0.0.1:{port}
    default_backend web
backend web
    balance roundrobin
    option httpchk GET /ready
    default-server check inter 250ms fall 2 rise 1
{servers}
"""


class Haproxy(Server):
    """It sends requests, one after the other, to those of the ports that are ready."""

    name = "haproxy"
    _process: Process | None = None

    def __init__(self, ports: Sequence[int], port: int | None = None, folder: Path | None = None) -> None:
        super().__init__(port, folder)
        self._ports = tuple(ports)

    def start(self) -> Self:
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        assert program, "no haproxy here: run `make system`"
        servers = "\n".join(f"    server web{port} 127.0.0.1:{port}" for port in self._ports)
        configuration = self.folder / "haproxy.cfg"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._socket = self.folder / "admin"
        configuration.write_text(_CONFIGURATION.format(port=self.port, servers=servers, socket=self._socket))
        self._process = self._spawn([program, "-db", "-f", str(configuration)], clean_environment())
        self._up(self.name, self._process, lambda: listens(self.port), 20)
        return self

    def drain(self, port: int) -> None:
        """Sends nothing more to a port, as before a process is taken away, and waits for what it has in hand."""
        self._tell(f"set server web/web{port} state drain")
        deadline = time.monotonic() + 120
        while any(row["svname"] == f"web{port}" and int(row["scur"] or 0) for row in self._counts()):
            assert time.monotonic() < deadline, f"port {port} does not come to an end"
            time.sleep(0.05)

    def undrain(self, port: int) -> None:
        """Sends to a port again, as soon as it is ready."""
        self._tell(f"set server web/web{port} state ready")

    def _counts(self) -> Iterator[dict[str, str]]:
        return csv.DictReader(self._tell("show stat").lstrip("# ").splitlines())

    def _tell(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(command.encode() + b"\n")
            with connection.makefile() as answer:
                return answer.read()

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM)
            self._process = None

"""Labelwheel on several hosts: web processes behind one address, workers beside each other, PostgreSQL and S3.

    with Fleet(webs=4, workers=2) as fleet:
        stage = Stage(studio, fleet.front, …)

No two of them share a disk. `front` can be taken for one service: its address is the proxy's.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Self

import psutil

from testkit import postgresql
from testkit.clouds import Moto
from testkit.haproxy import Haproxy
from testkit.labelwheel import LabelwheelServer
from testkit.server import free_port


class Front(LabelwheelServer):
    """All hosts as one service; what is started, stopped or killed are the hosts."""

    def __init__(
        self, hosts: Sequence[LabelwheelServer], port: int, token: str, environment: Mapping[str, str]
    ) -> None:
        super().__init__(port=port, token=token, environment=environment)
        self.hosts = hosts

    def start(self, timeout: float = 120) -> Self:
        self.until(self._answers, timeout, "no web process is ready")
        return self

    def stop(self) -> None: ...

    def family(self) -> list[psutil.Process]:
        return [process for host in self.hosts for process in host.family()]

    def tail(self, lines: int = 60) -> str:
        return "\n".join(f"── {host.port}\n{host.tail(lines)}" for host in self.hosts)


class Fleet:
    """`webs` and `workers` are servers of their own, each with a supervisor; the first `started` webs are up.

    The credentials of the store are in this process's environment meanwhile, for whoever looks into it.
    """

    def __init__(
        self, webs: int = 4, workers: int = 2, environment: Mapping[str, str] | None = None, started: int | None = None
    ) -> None:
        self._webs, self._workers, self._environment = webs, workers, dict(environment or {})
        self._started = webs if started is None else started
        self._stack = contextlib.ExitStack()
        self.webs: list[LabelwheelServer] = []
        self.workers: list[LabelwheelServer] = []
        self.front: Front
        self.proxy: Haproxy

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take_away(self, web: LabelwheelServer) -> None:
        """Ends one as an orchestrator does: nothing new is sent to it, what it has in hand ends, then it is stopped."""
        self.proxy.drain(web.port)
        web.stop()

    def bring_back(self, web: LabelwheelServer) -> None:
        """Starts one that is not running."""
        self.proxy.undrain(web.port)
        web.start()

    def _start(self, stack: contextlib.ExitStack) -> None:
        cloud = stack.enter_context(Moto())
        before = {name: os.environ.get(name) for name in cloud.environment}
        os.environ.update(cloud.environment)
        stack.callback(_restore, before)
        database = stack.enter_context(postgresql.running()).create("fleet")
        token, port = secrets.token_urlsafe(24), free_port()
        common = {
            **self._environment, **cloud.environment, "LABELWHEEL_STORE": f"{cloud.bucket('fleet')}/checkpoints",
            "LABELWHEEL_DATABASE": database, "LABELWHEEL_SECRET_KEY": secrets.token_hex(32),
            "LABELWHEEL_URL": f"http://127.0.0.1:{port}",
        }  # fmt: skip
        self.webs = [LabelwheelServer(environment=common, token=token, role="web") for _ in range(self._webs)]
        self.workers = [LabelwheelServer(environment=common, token=token, role="worker") for _ in range(self._workers)]
        for server in [*self.webs, *self.workers]:
            stack.callback(server.close)
        self.proxy = stack.enter_context(Haproxy([web.port for web in self.webs], port))
        for server in [*self.webs[: self._started], *self.workers]:
            server.start()
        self.front = stack.enter_context(Front([*self.webs, *self.workers], port, token, common))


def _restore(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value

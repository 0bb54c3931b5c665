"""`labelwheel` commands as real processes, for the tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
import requests

TOKEN = "a-token-of-sixteen"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], seconds: float = 90.0, message: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, message or "it did not come true in time"
        time.sleep(0.05)


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run. What ended after its parent stays a zombie until the machine's init looks: not counted."""
    found = []
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


class Running:
    """One `labelwheel` command; `home` holds its log too."""

    def __init__(self, role: str, home: Path, **environment: str) -> None:
        self.home, self.port = home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home.parent / f"{home.name}.log"
        command = [sys.executable, "-m", "labelwheel.backend.cli", role, "--home", str(home)]
        if role != "worker":
            command += ["--port", str(self.port)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("LABELWHEEL_")}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env={**clean, **environment}, stdout=log, stderr=log, start_new_session=True
            )

    def get(self, path: str, **options: object) -> requests.Response:
        options.setdefault("timeout", 30)
        options.setdefault("headers", {"Authorization": f"Bearer {TOKEN}"})
        return requests.get(f"{self.url}{path}", **options)

    def answers(self) -> bool:
        assert self.process.poll() is None, self.said()
        with contextlib.suppress(requests.RequestException):
            return self.get("/health").ok
        return False

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def children(self, name: str) -> list[psutil.Process]:
        found = []
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if any(name in part for part in each.cmdline()):
                    found.append(each)
        return found

    def stop(self, number: int = signal.SIGTERM, seconds: float = 20.0) -> float:
        """Returns how long it took to end."""
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(seconds)
        return time.monotonic() - started


@contextlib.contextmanager
def running(role: str, home: Path, **environment: str) -> Iterator[Running]:
    process = Running(role, home, **environment)
    try:
        yield process
    finally:
        family = []
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(process.process.pid).children(recursive=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.stop()
        for each in family:
            with contextlib.suppress(psutil.Error):
                each.kill()
        process.process.kill()

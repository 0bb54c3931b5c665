"""What the servers of the stack share: a port, a folder of their own, processes that end with all of theirs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import requests

from labelwheel.plugins.http import own_session

REPOSITORY = Path(__file__).resolve().parents[1]
PATIENCE = 400.0
"""How long anything may take before a test gives up: generous, for machines that do other work beside."""

Process = subprocess.Popen[bytes]


class Server(ABC):
    """One server on a port of its own; stays up for a `with` block. Attributes: url, port, folder, log (its file).

    A folder that is given is kept when it closes, and so are its data for the next one.
    """

    name: str

    def __init__(self, port: int | None, folder: Path | None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"labelwheel-{self.name}-"))
        self.log = self.folder / f"{self.name}.log"
        self._owned = folder is None
        self._session = own_session()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def start(self) -> Self:
        """Bring it up and wait for it; AssertionError with the log's end where it does not come."""

    @abstractmethod
    def stop(self) -> None:
        """Ask it to end and wait for it; its data stay for the next `start`."""

    def close(self) -> None:
        """Stop, and take its data away where it made the folder."""
        self.stop()
        self._session.close()
        if self._owned:
            shutil.rmtree(self.folder, ignore_errors=True)

    def tail(self, lines: int = 60) -> str:
        """The end of its log, for a failure's message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def _spawn(self, command: Sequence[str], environment: Mapping[str, str], executable: str | None = None) -> Process:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, executable=executable, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    def _up(self, what: str, process: Process, condition: Callable[[], bool], timeout: float) -> None:
        """Wait until a process of it is up; AssertionError where it ends or takes longer, and then it is killed."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert process.poll() is None, f"{what} ended by itself\n{self.tail()}"
            if time.monotonic() > deadline:
                end(process, signal.SIGKILL)
                raise AssertionError(f"{what} was not up after {timeout:.0f} s\n{self.tail()}")
            time.sleep(0.1)

    def _from_template(self, name: str, template: Callable[[], Path]) -> None:
        """Begin with a copy of the template, unless it has data already."""
        if not (self.folder / name).exists():
            copying = self.folder / f"{name}.copying"
            shutil.rmtree(copying, ignore_errors=True)  # an earlier start was interrupted in the middle
            shutil.copytree(template(), copying)
            copying.rename(self.folder / name)


def end(process: Process, how: signal.Signals) -> None:
    """A signal to a process and all of its group; a kill where they do not end within 20 seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)


def listens(port: int) -> bool:
    """Whether something takes connections on a port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def answers(url: str) -> bool:
    """Whether something answers there, and does not complain."""
    with contextlib.suppress(requests.RequestException), own_session() as session:
        return session.get(url, timeout=5).ok
    return False


def clean_environment() -> dict[str, str]:
    """What every program needs, and nothing that a person has set for labelwheel or for a tool."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""The demo's folder: what is remembered from one `make demo` to the next, held by one demo at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
from pathlib import Path
from typing import Any, Self

import psutil

from testkit.labelwheel import works_on


class DemoError(Exception):
    """What keeps the demo from going on, in words for the person who started it."""


class Home:
    """A folder with ports, token and project in `demo.json`. Used as a context, which holds it for this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.label_studio = self.folder / "label-studio"
        self.argilla = self.folder / "argilla"
        self.labelwheel = self.folder / "labelwheel"
        self._memory: dict[str, Any] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)  # tokens and logs
        lock = self._stack.enter_context((self.folder / "lock").open("a+"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            self._stack.close()
            raise DemoError(
                f"another demo is running on {self.shown} (process {owner}). Stop that one with Ctrl-C, "
                "or give this one a folder of its own with --home"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        file = self.folder / "demo.json"
        if file.exists():
            self._memory = json.loads(file.read_text(encoding="utf-8"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def shown(self) -> str:
        """The folder as people would type it here."""
        with contextlib.suppress(ValueError):
            return str(self.folder.relative_to(Path.cwd()))
        return str(self.folder)

    @property
    def token(self) -> str:
        """The credentials between Label Studio and labelwheel, made once; also in a file, for the commands."""
        file = self.folder / "token"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        return file.read_text(encoding="utf-8")

    def get(self, name: str) -> Any:
        """What was remembered, or None."""
        return self._memory.get(name)

    def keep(self, **values: Any) -> None:
        """Remember for the next time."""
        self._memory.update(values)
        part = self.folder / "demo.json.part"
        part.touch(mode=0o600)  # a token is in it
        part.write_text(json.dumps(self._memory), encoding="utf-8")
        part.replace(self.folder / "demo.json")

    def end_leftovers(self, number: int = signal.SIGTERM) -> int:
        """End what an earlier demo left running when it was killed; returns how many processes that were."""
        marks = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.label_studio / "data"),
            "ARGILLA_HOME_PATH": str(self.argilla / "home"),
        }
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                environment = process.environ()
                mine = any(environment.get(name) == marks[name] for name in marks) or works_on(process, self.labelwheel)
                if process.pid != os.getpid() and mine:
                    process.send_signal(number)
                    found.append(process)
        for left in psutil.wait_procs(found, timeout=15)[1]:
            with contextlib.suppress(psutil.Error):
                left.kill()
        return len(found)


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(wanted: int) -> int:
    """The wanted port, or the next one that is free."""
    for port in range(wanted, wanted + 100):
        if is_free(port):
            return port
    raise DemoError(f"no free port between {wanted} and {wanted + 99}")

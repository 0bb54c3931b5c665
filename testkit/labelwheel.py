"""`labelwheel serve` as a process of its own, with its own home and port."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import psutil
import requests

from testkit.server import Process, Server

ROLES = {
    "web": "gunicorn",
    "worker": "labelwheel.backend.worker",
    "job": "labelwheel.training.job",
    "supervisor": "serve",
}


class LabelwheelServer(Server):
    """One running labelwheel. Attributes beside those of every server: token, home (its folder).

    `role` is what it runs as: `serve`, or `web` or `worker` alone beside others on the same database and store. An
    LABELWHEEL_URL in the environment is where others find it, such as a proxy.
    """

    name = "labelwheel"

    def __init__(
        self,
        *,
        home: Path | None = None,
        port: int | None = None,
        token: str | None = None,
        environment: Mapping[str, str] | None = None,
        role: str = "serve",
    ) -> None:
        super().__init__(port, home)
        self._role = role
        self.home = self.folder
        self.token = token or secrets.token_urlsafe(24)
        # what a test shows must not depend on whether this machine happens to have OpenVINO
        self.environment = {"LABELWHEEL_ENGINE": "onnx", **(environment or {})}
        self._process: Process | None = None

    def start(self, timeout: float = 120) -> Self:
        """Start it and wait until it answers."""
        place = [] if self._role == "worker" else ["--port", str(self.port)]
        command = [_command(), self._role, *place, "--home", str(self.home)]
        self._process = self._spawn(command, self._env())
        self.until(self._answers, timeout, "labelwheel did not come up")
        return self

    def stop(self) -> None:
        """Ask it to end, and wait for all of it."""
        if self._process is None:
            return
        family = self.family()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=30)
        for left in psutil.wait_procs(family, timeout=5)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
        self._process.wait(timeout=10)
        self._process = None

    def crash(self) -> None:
        """kill -9 the supervisor, and wait until all of it has ended with it."""
        assert self._process is not None
        family = self.family()
        self._process.kill()
        self._process.wait(timeout=10)
        self._process = None
        left = psutil.wait_procs(family, timeout=20)[1]
        assert not left, f"{left} outlived the supervisor"

    @property
    def running(self) -> bool:
        """Whether the supervisor is alive."""
        return self._process is not None and self._process.poll() is None

    def family(self) -> list[psutil.Process]:
        """Every process of this service: supervisor, web, worker, jobs (those that outlived their parent too)."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if works_on(process, self.home) and process.pid != os.getpid():
                    found.append(process)
        return found

    def processes(self, role: str) -> list[psutil.Process]:
        """The live processes of a role: supervisor, web, worker or job."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and any(ROLES[role] in part for part in process.cmdline()):
                    found.append(process)
        return found

    def kill(self, role: str) -> int:
        """kill -9 every process of a role at once; returns how many there were."""
        victims = self.processes(role)
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        return len(victims)

    def run(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """A `labelwheel` command against this service."""
        return subprocess.run(
            [_command(), *arguments], env=self._env(), capture_output=True, text=True, timeout=timeout, check=False
        )

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """One request with the credentials."""
        headers = {"Authorization": f"Bearer {self.token}", **arguments.pop("headers", {})}
        return self._session.request(
            method, self.url + path, headers=headers, timeout=arguments.pop("timeout", 120), **arguments
        )

    def status(self) -> dict[str, Any]:
        """`labelwheel status --json`, without starting a process for it."""
        response = self.call("GET", "/api/v1/status")
        assert response.ok, f"status: {response.status_code} {response.text[:500]}\n{self.tail()}"
        return dict(response.json())

    def connect(self, tool: str, url: str, key: str, *, timeout: float = 300, **place: int | str) -> None:
        """`labelwheel connect`, as people type it; AssertionError with what it printed where it fails.

        `place` are the options by which the tool finds the project, such as project=1.
        """
        where = [part for name, value in place.items() for part in (f"--{name}", str(value))]
        done = self.run("connect", tool, "--url", url, "--api-key", key, *where, timeout=timeout)
        assert done.returncode == 0, f"connect: {done.stdout}\n{done.stderr}\n{self.tail()}"

    def until(self, condition: Callable[[], Any], timeout: float, what: str) -> Any:
        """Wait for a condition to hold and return its value; AssertionError with the log's end where it does not."""
        deadline = time.monotonic() + timeout
        while True:
            with contextlib.suppress(requests.RequestException, json.JSONDecodeError):
                if value := condition():
                    return value
            assert self._process is None or self.running, f"{what}: labelwheel ended\n{self.tail()}"
            assert time.monotonic() < deadline, f"{what} within {timeout:.0f} s\n{self._state()}\n{self.tail()}"
            time.sleep(0.2)

    def _state(self) -> str:
        """What each project is at, for whoever has to find out why something did not happen."""
        with contextlib.suppress(requests.RequestException, json.JSONDecodeError, AssertionError):
            kept = ("id", "state", "step", "problem", "version", "poll", "sweep", "examples", "work", "backfill")
            status = self.status()
            found = [
                {name: project[name] for name in kept}
                | {each["name"]: (each["labels"], each["round"]) for each in project["questions"]}
                for project in status["projects"]
            ]
            return json.dumps({"worker": status["worker"], "servers": status["servers"], "projects": found}, indent=1)
        return "its status cannot be had"

    def _answers(self) -> bool:
        if self._role == "worker":
            return bool(self.processes("worker"))
        return self.call("GET", "/health", timeout=2).ok

    def _env(self) -> dict[str, str]:
        own = {"LABELWHEEL_TOKEN": self.token, "LABELWHEEL_HOME": str(self.home)}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LABELWHEEL_")}
        return {**inherited, "LABELWHEEL_URL": self.url, **self.environment, **own}


def _command() -> str:
    command = Path(sys.executable).with_name("labelwheel")
    assert command.is_file(), f"no labelwheel at {command}: run `make install`"
    return str(command)


def works_on(process: psutil.Process, home: Path) -> bool:
    """Whether a process is labelwheel's on that home: a job is told by its specification, for it gets no settings.

    Raises psutil.Error where the process has ended or is somebody else's.
    """
    if process.environ().get("LABELWHEEL_HOME") == str(home):
        return True
    return any(part.startswith(f"{home / 'jobs'}/") for part in process.cmdline())

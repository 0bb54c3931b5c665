"""A real Argilla: server, Redis, search engine and the worker that sends its webhooks, on data and ports of its own.

    with ArgillaServer() as server:
        dataset = server.create_dataset("mail", [text_field()], [label_question("topic", ["a", "b"])], [{"text": "…"}])
        server.submit(server.records(dataset)[0]["id"], {"topic": "a"})

Everything comes from the package index (`.venv-argilla`, or what `LABELWHEEL_TEST_ARGILLA` names) and Debian's Redis.
The first start migrates an empty database; that folder is kept under `.pytest_cache`, later servers start on a copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from testkit.argilla_api import ArgillaAPI
from testkit.server import REPOSITORY, Process, answers, clean_environment, end, free_port, locked

SCHEMA = 1  # Raise it when what the template holds changes.
ENGINE = Path(__file__).with_name("argilla_engine.py")
SEARCH = """import os, sys, osmem_server
binary = osmem_server.resolve_binary()
os.execv(binary, [binary, "-addr", sys.argv[1], "-no-stdin-watch", "-no-ja"])"""
PARTS = ("redis", "search", "server", "worker")


def python() -> Path:
    """The Python that Argilla is installed in; AssertionError with what to do where there is none."""
    path = Path(os.environ.get("LABELWHEEL_TEST_ARGILLA", REPOSITORY / ".venv-argilla/bin/python"))
    assert path.is_file(), f"no Argilla at {path}: run `make .venv-argilla/installed`, or set LABELWHEEL_TEST_ARGILLA"
    return path


def redis() -> str:
    """Redis' program. It is a server when it is called redis-server, also where only Debian's redis-tools has it."""
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    assert found, "no Redis, which Argilla needs: run `.ci/system argilla`, or as root: apt-get install redis-tools"
    return found


class ArgillaServer(ArgillaAPI):
    """One Argilla with all its processes."""

    name = "argilla"

    def __init__(self, *, port: int | None = None, folder: Path | None = None) -> None:
        super().__init__(port, folder)
        self._ports = {"redis": free_port(), "search": free_port()}
        self._processes: dict[str, Process] = {}

    def start(self) -> Self:
        """Bring up whatever of it does not run, on a copy of the migrated template or its own data, and wait."""
        self._from_template("home", _template)
        before = (self.folder / "used").exists()
        self.start_queue(worker=False)
        if not self._alive("search"):
            self._begin("search", [str(python()), "-c", SEARCH, f"127.0.0.1:{self._ports['search']}"])
            self._until("search", lambda: answers(f"http://127.0.0.1:{self._ports['search']}/"))
            if before:  # it forgets everything when it ends
                self._command("search-engine", "reindex")
        (self.folder / "used").touch()
        if not self._alive("server"):
            self._begin(
                "server", [str(python()), str(ENGINE), "start", "--host", "127.0.0.1", "--port", str(self.port)]
            )
            self._until("server", lambda: answers(f"{self.url}/api/v1/version"))
        self.start_queue()
        return self

    def start_queue(self, worker: bool = True) -> None:
        """Redis, and the worker that delivers the webhooks."""
        if not self._alive("redis"):
            options = ["--port", str(self._ports["redis"]), "--bind", "127.0.0.1", "--save", ""]
            # it would write its title over its environment, by which a demo finds what an earlier one left running
            options += ["--set-proc-title", "no", "--dir", str(self.folder)]
            self._begin("redis", ["redis-server", *options], executable=redis())
            self._until("redis", lambda: _listens(self._ports["redis"]))
        if worker and not self._alive("worker"):
            self._begin("worker", [str(python()), str(ENGINE), "worker", "--num-workers", "1"])

    def kill_queue(self) -> None:
        """kill -9 to Redis and the worker: webhooks that were not delivered are lost, and no new ones are sent."""
        for part in ("worker", "redis"):
            self._end(part, signal.SIGKILL)

    def stop(self) -> None:
        """Ask all of it to end; the data stay for the next `start`."""
        for part in reversed(PARTS):
            self._end(part, signal.SIGTERM)

    @property
    def running(self) -> bool:
        """Whether all processes are alive."""
        return all(self._alive(part) for part in PARTS)

    def _environment(self) -> dict[str, str]:
        return {
            **clean_environment(),
            "ARGILLA_HOME_PATH": str(self.folder / "home"),
            "ARGILLA_REDIS_URL": f"redis://127.0.0.1:{self._ports['redis']}/0",
            "ARGILLA_ELASTICSEARCH": f"http://127.0.0.1:{self._ports['search']}",
            "ARGILLA_SEARCH_ENGINE": "osmem",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def _begin(self, part: str, command: list[str], executable: str | None = None) -> None:
        self._processes[part] = self._spawn(command, self._environment(), executable)

    def _command(self, *arguments: str) -> None:
        command = [str(python()), str(ENGINE), *arguments]
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"argilla {' '.join(arguments)}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def _until(self, part: str, condition: Callable[[], bool], timeout: float = 120) -> None:
        self._up(f"Argilla's {part}", self._processes[part], condition, timeout)

    def _alive(self, part: str) -> bool:
        return part in self._processes and self._processes[part].poll() is None

    def _end(self, part: str, how: signal.Signals) -> None:
        if process := self._processes.pop(part, None):
            end(process, how)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def _building(root: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="building-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _template() -> Path:
    """The home of a migrated Argilla with its owner; made once for each installed version."""
    site = sorted(python().parents[1].glob("lib/*/site-packages/argilla_server-*.dist-info"))
    version = re.sub(r"^argilla_server-|\.dist-info$", "", site[0].name) if site else "unknown"
    key = hashlib.sha256(f"{SCHEMA} {python()} {version}".encode()).hexdigest()[:12]
    root = REPOSITORY / ".pytest_cache" / "argilla"
    ready = root / f"{version}-{key}"
    with locked(root / "lock"):
        if not ready.exists():
            with _building(root) as folder:
                (folder / "home").mkdir()
                server = ArgillaServer(folder=folder)
                server._command("database", "migrate")
                owner = ("--password", server.password, "--api-key", server.api_key, "--quiet")
                server._command("database", "users", "create_default", *owner)
                (folder / "home").rename(ready)
    return ready

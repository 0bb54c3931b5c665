"""`labelwheel serve`: web and worker as two processes that are watched, restarted, and stopped together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import FrameType

import requests
from rich.console import Console
from rich.text import Text

from labelwheel.backend.processes import die_with_parent, home_folder
from labelwheel.backend.rounds import launchers
from labelwheel.backend.settings import Settings
from labelwheel.plugins.http import own_session

FIRST_PAUSE, LAST_PAUSE, STEADY_SECONDS = 0.5, 30.0, 60.0
STOP_SECONDS = 10.0
_STYLES = {"web": "cyan", "worker": "magenta", "serve": "bold green"}


class Child:
    """One process that is to run for as long as the service does."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], console: Console) -> None:
        self.name, self._command, self._environment, self._console = name, command, environment, console
        self.process: subprocess.Popen[str] | None = None
        self._started = self._again = 0.0
        self._pause = FIRST_PAUSE

    def start(self) -> None:
        """Must be called from the main thread: what it is tied to ends with the thread that started it."""
        self._started = time.monotonic()
        self.process = subprocess.Popen(
            die_with_parent.tied(self._command),
            env=dict(self._environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C in the terminal is for the supervisor, which stops all in order
        )
        threading.Thread(target=self._print, args=(self.process,), name=f"log of {self.name}", daemon=True).start()

    def watch(self) -> None:
        """Starts it again where it has ended, after a pause that grows while it keeps ending."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            steady = now - self._started > STEADY_SECONDS
            pause = FIRST_PAUSE if steady else self._pause
            self._pause = min(LAST_PAUSE, pause * 2)
            self._again = now + pause
            self.say(f"{self.name} ended ({_reason(self.process.returncode)}); starting it again in {pause:.1f} s")
            self.process = None
        if self.process is None and now >= self._again:
            self.start()

    def signal(self, number: int) -> None:
        """Sends a signal to the process, SIGKILL to all that it started as well."""
        if self.process is None or self.process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def say(self, line: str) -> None:
        _say(self._console, "serve", line)

    def _print(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            _say(self._console, self.name, line.rstrip())


class Supervisor:
    """Runs children until it is told to stop."""

    def __init__(self, children: Sequence[Child], console: Console) -> None:
        self._children, self._console = children, console
        self._stopping = 0
        self._wake = threading.Event()

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        for child in self._children:
            child.start()
        while not self._stopping:
            for child in self._children:
                child.watch()
            self._reap()
            self._wake.wait(0.2)
        self._stop()
        return 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping += 1
        self._wake.set()

    def _stop(self) -> None:
        _say(self._console, "serve", "stopping")
        for child in self._children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.running for child in self._children):
            if time.monotonic() > deadline or self._stopping > 1:
                for child in self._children:
                    child.signal(signal.SIGKILL)
            self._reap()
            time.sleep(0.05)

    def _reap(self) -> None:
        """As the first process of a container, orphans of our children become ours to bury."""
        if os.getpid() != 1:
            return
        own = {child.process.pid for child in self._children if child.process is not None}
        with contextlib.suppress(ChildProcessError):
            while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if found.si_pid in own:
                    return
                os.waitpid(found.si_pid, 0)


def serve(settings: Settings, roles: Sequence[str] = ("web", "worker")) -> int:
    """Runs the service until it is stopped; raises InvalidSettings and Conflict before anything is started."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    home_folder.check(settings)
    with home_folder.held(settings, roles):
        port = home_folder.free_port(settings.host, settings.port) if "web" in roles else settings.port
        home_folder.prepare(settings)
        environment = child_environment(settings, port)
        children = [Child(role, _COMMANDS[role], environment[role], console) for role in roles]
        if "web" in roles:
            announcing = (console, settings, local_url(settings.host, port))
            threading.Thread(target=_announce, args=announcing, daemon=True).start()
        return Supervisor(children, console).run()


_COMMANDS = {
    "web": [sys.executable, "-m", "gunicorn", "-c", "python:labelwheel.backend.processes.gunicorn_conf"],
    "worker": [sys.executable, "-m", "labelwheel.backend.worker"],
}


def child_environment(settings: Settings, port: int) -> dict[str, dict[str, str]]:
    """What each role's process gets to see: the settings, how many cores to use, and no model hub it does not need."""
    common = {
        **os.environ,
        "LABELWHEEL_HOME": str(settings.home.absolute()),
        "LABELWHEEL_HOST": settings.host,
        "LABELWHEEL_PORT": str(port),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
        # NumPy's, for the heads that follow each label: its threads spin while they wait, and the cores are others'
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
    }
    if "url" not in settings.model_fields_set:
        common["LABELWHEEL_URL"] = local_url(settings.host, port)
    else:
        common["LABELWHEEL_URL"] = settings.url
    if not launchers.needs_hub(settings):
        common["HF_HUB_OFFLINE"] = "1"
    threads = str(settings.serving_threads or 1)  # torch's; ONNX Runtime has its own
    web = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"}
    # each of glibc's arenas keeps what its threads have freed: with 48 threads 17 MB less, and no fewer answers
    web["MALLOC_ARENA_MAX"] = os.environ.get("MALLOC_ARENA_MAX", "2")
    return {"web": {**common, **web, "HF_HUB_OFFLINE": "1"}, "worker": common}


def local_url(host: str, port: int) -> str:
    """Where this machine's own processes find a service that listens on `host`."""
    anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
    return f"http://{anywhere.get(host, f'[{host}]' if ':' in host else host)}:{port}"


def _announce(console: Console, settings: Settings, url: str) -> None:
    headers = {"Authorization": f"Bearer {settings.token.get_secret_value()}"} if settings.token else {}
    with own_session() as session:
        while True:
            with contextlib.suppress(requests.RequestException):
                if session.get(f"{url}/metrics", headers=headers, timeout=2).status_code == 200:
                    break
            time.sleep(0.3)
    _say(console, "serve", f"labelwheel is ready at {url}, its home is {settings.home}; stop it with Ctrl-C")


def _say(console: Console, name: str, line: str) -> None:
    console.print(Text.assemble((f"{name:>6} │ ", _STYLES.get(name, "")), line))


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"

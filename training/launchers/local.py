"""Jobs as child processes on this machine, at low priority, in sessions of their own.

A worker that is killed leaves its job running. The next one finds it by the handle: the process's id and its start
time, so that another process with a recycled id is never taken for it, nor killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from labelwheel.training import places
from labelwheel.training.checkpoints.store import whole
from labelwheel.training.errors import InvalidJob
from labelwheel.training.job import LOG
from labelwheel.training.launchers import child
from labelwheel.training.launchers.base import Phase, Site, State, Task
from labelwheel.training.progress import FILE
from labelwheel.training.questions import Frozen
from labelwheel.training.spec import Recipe

MODULE = (sys.executable, "-m", "labelwheel.training.job")
_SAME_START = 2.0  # seconds: a start time is derived from the boot time, which an adjusted clock moves a little
_URL = "KUBEFLOW_TRAINER_SERVER_URL"
_TOKEN_FILE = "KUBEFLOW_TRAINER_SERVER_TOKEN"  # noqa: S105  (a variable's name; transformers reads the file it names)


class Handle(Frozen):
    """What is remembered of a job."""

    pid: int
    started: float
    output: str
    secret: str | None = None
    other_outputs: tuple[str, ...] = ()
    other_secrets: tuple[str, ...] = ()


def launcher(site: Site) -> LocalLauncher:
    """The launcher `local`."""
    return LocalLauncher(site.folder, threads=site.threads, hub=site.hub, grace=site.grace, withheld=site.withheld)


class LocalLauncher:
    """`folder` has a folder for each task, by its name: its specification, its log and, for a while, its token.

    `threads`, `hub`, `grace` and `withheld` are told at `Site`. `command` comes before the paths of specifications;
    tests put their own program there.
    """

    def __init__(
        self,
        folder: str,
        *,
        threads: int | None = None,
        hub: bool = False,
        niceness: int = 10,
        grace: float = 10.0,
        withheld: tuple[str, ...] = (),
        command: Sequence[str] = MODULE,
    ) -> None:
        self._folder = Path(folder)
        self._threads = threads
        self._hub = hub
        self._niceness = niceness
        self._grace = grace
        self._withheld = withheld
        self._command = tuple(command)
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def submit(self, tasks: Sequence[Task]) -> str:
        """Starts a process. A task that is alone has its own log, of several each has one and the job another."""
        first, *others = tasks
        log = self._folder / first.name / ("job.log" if others else LOG)
        secret: str | None = None
        secrets: list[str] = []
        progress_url = first.progress_url
        try:
            specs = [self._write(each) for each in tasks]
            if others:  # one environment cannot hold the addresses of several
                secrets = [written for each in tasks if (written := self._write_listener(each))]
                progress_url = None
            else:
                secret = _write_secret(log.with_name(f"{log.name}.token"), first.token)
            with log.open("ab") as file:
                process = subprocess.Popen(
                    [*self._command, *map(str, specs)],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=self._environment(progress_url, secret),
                )
        except (OSError, ValueError) as error:
            raise InvalidJob(
                f"the job of {first.spec.version} cannot be started: {error}; check {self._folder} and its disk"
            ) from error
        with self._lock:
            self._children[process.pid] = process
        if not all(
            each.spec.recipe is Recipe.NAMES for each in tasks
        ):  # it takes seconds, and nothing is shown until then
            # nobody waits for a trial: it gives way to rounds
            child.lower(process.pid, 19 if all(each.spec.trial for each in tasks) else self._niceness)
        try:
            started = psutil.Process(process.pid).create_time()
        except psutil.NoSuchProcess:  # not ours to reap yet, so this is a platform where a zombie cannot be looked at
            started = time.time()
        output, *other_outputs = (each.spec.output for each in tasks)
        return Handle(
            pid=process.pid, started=started, output=output, secret=secret, other_outputs=tuple(other_outputs),
            other_secrets=tuple(secrets),
        ).model_dump_json()  # fmt: skip

    def poll(self, handle: str) -> State:
        """By the exit code of a child of this process; of an orphan that ended, by whether its output is there."""
        job = Handle.model_validate_json(handle)
        with self._lock:
            process = self._children.get(job.pid)
            code = process.poll() if process else None
        if process and code is None:
            return State(phase=Phase.RUNNING)
        if not process and self._alive(job):
            return State(phase=Phase.RUNNING)
        for secret in filter(None, (job.secret, *job.other_secrets)):
            Path(secret).unlink(missing_ok=True)
        if code in (0, None) and all(map(whole, (job.output, *job.other_outputs))):
            return State(phase=Phase.SUCCEEDED)
        return State(phase=Phase.FAILED, code=code)

    def cancel(self, handle: str) -> None:
        """SIGTERM to all of the job's session, and SIGKILL after the grace period to what is left of it."""
        job = Handle.model_validate_json(handle)
        # one by one and not by the group's number, which could be another group's by now
        for number, seconds in ((signal.SIGTERM, self._grace), (signal.SIGKILL, 5.0)):
            for process in self._members(job):
                with contextlib.suppress(psutil.Error):
                    process.send_signal(number)
            deadline = time.monotonic() + seconds
            while self._members(job) and time.monotonic() < deadline:
                time.sleep(0.05)
        self.poll(handle)

    def withdraw(self, handle: str, name: str) -> None:
        """A job passes over a task whose specification is gone."""
        self._spec(name).unlink(missing_ok=True)

    def logs(self, handle: str, name: str) -> str:
        """The end of a task's log."""
        return child.tail(self._spec(name).with_name(LOG))

    def collect(self, handle: str) -> None:
        """Its child is forgotten; specification and log stay for whoever looks for a reason."""
        with self._lock:
            self._children.pop(Handle.model_validate_json(handle).pid, None)

    def _spec(self, name: str) -> Path:
        return self._folder / name / "spec.json"

    def _write(self, task: Task) -> Path:
        path = self._spec(task.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        places.write(str(path), task.spec.model_dump_json(indent=1).encode())
        return path

    def _write_listener(self, task: Task) -> str | None:
        """Who hears of one task's progress, beside its specification; the file of its token."""
        place = self._spec(task.name).with_name(FILE)
        place.unlink(missing_ok=True)
        if not task.progress_url or not task.token:
            return None
        secret = _write_secret(place.with_name(f"{FILE}.token"), task.token)
        _write_secret(place, json.dumps({"url": task.progress_url, "token_file": secret}))
        return secret

    def _environment(self, progress_url: str | None, secret: str | None) -> dict[str, str]:
        environment = child.environment(self._threads, hub=self._hub, withheld=self._withheld)
        for name, value in ((_URL, progress_url), (_TOKEN_FILE, secret)):
            environment.pop(name, None)
            if value:
                environment[name] = value
        return environment

    def end_strays(self, name: str) -> int:
        """Kills this user's processes that run the job's command on its file; not an editor that has it open."""
        spec, command, strays = self._spec(name), list(self._command[1:]), []
        for process in psutil.process_iter(["cmdline", "uids"]):
            words = process.info["cmdline"] or []
            if _runs(words, command, str(spec)) and process.info["uids"].real == os.getuid():
                strays.append(process)
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        psutil.wait_procs(strays, timeout=10)
        return len(strays)

    def _alive(self, job: Handle) -> bool:
        try:
            process = psutil.Process(job.pid)
            same = abs(process.create_time() - job.started) < _SAME_START
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def _members(self, job: Handle) -> list[psutil.Process]:
        """What lives of the job's session: none where its number belongs to a younger process by now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            if abs(psutil.Process(job.pid).create_time() - job.started) >= _SAME_START:
                return []
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                ours = os.getsid(process.pid) == job.pid and process.create_time() > job.started - _SAME_START
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


def _runs(words: list[str], command: list[str], spec: str) -> bool:
    """Whether a command line is the job's command, followed by specifications of which this is one."""
    for place in range(1, len(words) - len(command)):
        if words[place : place + len(command)] == command and spec in words[place + len(command) :]:
            return True
    return False


def _write_secret(path: Path, token: str | None) -> str | None:
    """In a file that only this user reads: an environment is shown to whoever lists processes."""
    if not token:
        return None
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token)
    return str(path)

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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from demo.stack.label_studio import REPOSITORY, _locked
from demo.stack.labelwheel import free_port

SCHEMA = 1  # Raise it when what the template holds changes.
ENGINE = Path(__file__).with_name("argilla_engine.py")
SEARCH = """import os, sys, osmem_server
binary = osmem_server.resolve_binary()
os.execv(binary, [binary, "-addr", sys.argv[1], "-no-stdin-watch", "-no-ja"])"""
PARTS = ("redis", "search", "server", "worker")
BULK = 500

Row = dict[str, Any]


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


class ArgillaServer:
    """One Argilla with all its processes. Attributes: url, port, api_key (the owner's), username, password, log."""

    username = "argilla"
    password = "labelwheel-demo"
    api_key = "labelwheel.demo.owner"

    def __init__(self, *, port: int | None = None, folder: Path | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder or Path(tempfile.mkdtemp(prefix="labelwheel-argilla-"))
        self.log = self.folder / "argilla.log"
        self._owned = folder is None
        self._ports = {"redis": free_port(), "search": free_port()}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._session = requests.Session()

    # Life

    def __enter__(self) -> ArgillaServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> ArgillaServer:
        """Bring up whatever of it does not run, on a copy of the migrated template or its own data, and wait."""
        if not (self.folder / "home").exists():
            copying = self.folder / "home.copying"
            shutil.rmtree(copying, ignore_errors=True)  # an earlier start was interrupted in the middle
            shutil.copytree(_template(), copying)
            copying.rename(self.folder / "home")
        before = (self.folder / "used").exists()
        self.start_queue(worker=False)
        if not self._alive("search"):
            self._spawn("search", [str(python()), "-c", SEARCH, f"127.0.0.1:{self._ports['search']}"])
            self._until("search", lambda: self._answers(f"http://127.0.0.1:{self._ports['search']}/"))
            if before:  # it forgets everything when it ends
                self._command("search-engine", "reindex")
        (self.folder / "used").touch()
        if not self._alive("server"):
            self._spawn(
                "server", [str(python()), str(ENGINE), "start", "--host", "127.0.0.1", "--port", str(self.port)]
            )
            self._until("server", lambda: self._answers(f"{self.url}/api/v1/version"))
        self.start_queue()
        return self

    def start_queue(self, worker: bool = True) -> None:
        """Redis, and the worker that delivers the webhooks."""
        if not self._alive("redis"):
            options = ["--port", str(self._ports["redis"]), "--bind", "127.0.0.1", "--save", ""]
            # it would write its title over its environment, by which a demo finds what an earlier one left running
            options += ["--set-proc-title", "no", "--dir", str(self.folder)]
            self._spawn("redis", ["redis-server", *options], executable=redis())
            self._until("redis", lambda: self._listens(self._ports["redis"]))
        if worker and not self._alive("worker"):
            self._spawn("worker", [str(python()), str(ENGINE), "worker", "--num-workers", "1"])

    def kill_queue(self) -> None:
        """kill -9 to Redis and the worker: webhooks that were not delivered are lost, and no new ones are sent."""
        for part in ("worker", "redis"):
            self._end(part, signal.SIGKILL)

    def stop(self) -> None:
        """Ask all of it to end; the data stay for the next `start`."""
        for part in reversed(PARTS):
            self._end(part, signal.SIGTERM)

    def close(self) -> None:
        """Stop, and take its data away where it made them."""
        self.stop()
        self._session.close()
        if self._owned:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether all processes are alive."""
        return all(self._alive(part) for part in PARTS)

    def tail(self, lines: int = 60) -> str:
        """The end of its log, for a failure's message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    # Its API

    def call(self, method: str, path: str, *, key: str | None = None, **arguments: Any) -> requests.Response:
        """One call as the owner (or as whoever has `key`); AssertionError with body and log where it is not 2xx."""
        response = self.ask(method, path, key=key, **arguments)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text[:1000]}\n{self.tail()}"
        return response

    def ask(self, method: str, path: str, *, key: str | None = None, **arguments: Any) -> requests.Response:
        """The same, whatever it answers."""
        return self._session.request(
            method,
            f"{self.url}/api/v1{path}",
            headers={"X-Argilla-Api-Key": key or self.api_key},
            timeout=arguments.pop("timeout", 120),
            **arguments,
        )

    def attempt(self, method: str, path: str, **arguments: Any) -> None:
        """The same where the server fails after it has done what was asked, and hangs up: as people do, look later."""
        with contextlib.suppress(requests.ConnectionError):
            self.ask(method, path, **arguments)
        self._session.close()

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """`call`, and the JSON that it answers (None where there is none)."""
        response = self.call(method, path, **arguments)
        return response.json() if response.content else None

    def workspace(self, name: str) -> str:
        """The id of a workspace, made where there is none."""
        known = {each["name"]: each["id"] for each in self.api("GET", "/me/workspaces")["items"]}
        return str(known.get(name) or self.api("POST", "/workspaces", json={"name": name})["id"])

    def create_dataset(
        self,
        name: str,
        fields: Sequence[Row],
        questions: Sequence[Row],
        records: Sequence[Mapping[str, Any]] = (),
        *,
        workspace: str = "demo",
        submitted: int = 1,
        **settings: Any,
    ) -> str:
        """A published dataset with records (whole ones, or their fields alone); returns its id."""
        body = {"name": name, "workspace_id": self.workspace(workspace), **settings}
        body["distribution"] = {"strategy": "overlap", "min_submitted": submitted}
        dataset = str(self.api("POST", "/datasets", json=body)["id"])
        for field in fields:
            self.api("POST", f"/datasets/{dataset}/fields", json=field)
        for question in questions:
            self.api("POST", f"/datasets/{dataset}/questions", json=question)
        self.api("PUT", f"/datasets/{dataset}/publish")
        self.add(dataset, records)
        return dataset

    def add(self, dataset: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """More records; returns their ids."""
        items = [record if "fields" in record else {"fields": record} for record in records]
        made: list[str] = []
        for start in range(0, len(items), BULK):
            body = {"items": items[start : start + BULK]}
            answer = self.api("POST", f"/datasets/{dataset}/records/bulk", json=body, timeout=600)
            made += [record["id"] for record in answer["items"]]
        return made

    def records(self, dataset: str) -> list[Row]:
        """All records with their responses and suggestions."""
        found: list[Row] = []
        while True:
            params = {"offset": len(found), "limit": 1000, "include": ["responses", "suggestions"]}
            page = self.api("GET", f"/datasets/{dataset}/records", params=params)["items"]
            found += page
            if len(page) < 1000:
                return found

    def delete_records(self, dataset: str, *records: str) -> None:
        """Delete records with what is on them."""
        self.call("DELETE", f"/datasets/{dataset}/records", params={"ids": ",".join(records)})

    def create_annotator(self, username: str, workspace: str = "demo") -> str:
        """Another person, who may answer in a workspace; returns the API key."""
        body = {"username": username, "first_name": username, "password": self.password, "role": "annotator"}
        user = self.api("POST", "/users", json=body)
        self.api("POST", f"/workspaces/{self.workspace(workspace)}/users", json={"user_id": user["id"]})
        return str(user["api_key"])

    def submit(
        self, record: str, answers: Mapping[str, Any], *, status: str = "submitted", key: str | None = None
    ) -> Row:
        """Answer a record as the UI does; `status` may be draft or discarded."""
        body = {"values": {name: {"value": value} for name, value in answers.items()}, "status": status}
        return dict(self.api("POST", f"/records/{record}/responses", json=body, key=key))

    def update(
        self, response: str, answers: Mapping[str, Any], *, status: str = "submitted", key: str | None = None
    ) -> Row:
        """Change an answer."""
        body = {"values": {name: {"value": value} for name, value in answers.items()}, "status": status}
        return dict(self.api("PUT", f"/responses/{response}", json=body, key=key))

    # How

    def _environment(self) -> dict[str, str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **keep,
            "ARGILLA_HOME_PATH": str(self.folder / "home"),
            "ARGILLA_REDIS_URL": f"redis://127.0.0.1:{self._ports['redis']}/0",
            "ARGILLA_ELASTICSEARCH": f"http://127.0.0.1:{self._ports['search']}",
            "ARGILLA_SEARCH_ENGINE": "osmem",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "1",
        }

    def _spawn(self, part: str, command: list[str], executable: str | None = None) -> None:
        with self.log.open("ab") as log:
            self._processes[part] = subprocess.Popen(
                command,
                executable=executable,
                env=self._environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _command(self, *arguments: str) -> None:
        command = [str(python()), str(ENGINE), *arguments]
        done = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"argilla {' '.join(arguments)}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def _until(self, part: str, condition: Callable[[], bool], timeout: float = 120) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert self._alive(part), f"Argilla's {part} ended by itself\n{self.tail()}"
            if time.monotonic() > deadline:
                self._end(part, signal.SIGKILL)
                raise AssertionError(f"Argilla's {part} was not up after {timeout:.0f} s\n{self.tail()}")
            time.sleep(0.1)

    def _answers(self, url: str) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(url, timeout=5).ok
        return False

    def _listens(self, port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def _alive(self, part: str) -> bool:
        return part in self._processes and self._processes[part].poll() is None

    def _end(self, part: str, how: signal.Signals) -> None:
        process = self._processes.pop(part, None)
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=20)


def text_field(name: str = "text", **settings: Any) -> Row:
    """A text field."""
    return {"name": name, "title": name, "required": True, "settings": {"type": "text"}, **settings}


def question(name: str, kind: str, options: Sequence[Any] = (), **settings: Any) -> Row:
    """A question; `kind` is label_selection, multi_label_selection, rating, ranking, span or text."""
    shown: dict[str, Any] = {"type": kind, **settings}
    if kind == "rating":
        shown["options"] = [{"value": value} for value in options]
    elif kind != "text":
        shown["options"] = [{"value": value, "text": value} for value in options]
    if len(options) >= 3 and kind not in ("rating", "ranking"):
        shown["visible_options"] = min(len(options), 20)
    return {"name": name, "title": name, "required": True, "settings": shown}


def label_question(name: str, labels: Sequence[str]) -> Row:
    """A question with one answer."""
    return question(name, "label_selection", labels)


def span_question(name: str, labels: Sequence[str], field: str = "text", **settings: Any) -> Row:
    """A question that is answered by marking parts of a field."""
    return question(name, "span", labels, field=field, **settings)


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
    with _locked(root / "lock"):
        if not ready.exists():
            with _building(root) as folder:
                (folder / "home").mkdir()
                server = ArgillaServer(folder=folder)
                server._command("database", "migrate")
                owner = ("--password", server.password, "--api-key", server.api_key, "--quiet")
                server._command("database", "users", "create_default", *owner)
                (folder / "home").rename(ready)
    return ready

"""A real Label Studio: its own data, its own port, ready in seconds after the first time.

    with LabelStudioServer() as server:
        project = server.create_project("<View>…</View>", [{"text": "one"}, {"text": "two"}])
        server.submit(server.task_ids(project)[0], [{"from_name": …}])

The executable is that of `.venv-label-studio`, or what `LABELWHEEL_TEST_LABEL_STUDIO` names. The first start migrates
an empty database, which takes a minute; that folder is kept under `.pytest_cache`, and later servers start on a copy.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from demo.stack.labelwheel import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = 2  # Raise it when what the template holds changes.


def executable() -> Path:
    """The `label-studio` command; AssertionError with what to do where there is none: such a test never skips."""
    path = Path(os.environ.get("LABELWHEEL_TEST_LABEL_STUDIO", REPOSITORY / ".venv-label-studio/bin/label-studio"))
    assert path.is_file(), f"no Label Studio at {path}: run `make install`, or set LABELWHEEL_TEST_LABEL_STUDIO"
    return path


class LabelStudioServer:
    """One Label Studio process. Attributes: url, port, pat (personal access token), username, password, log (its file).

    `allow_local` lets it call addresses on 127.0.0.1, which it refuses as it comes. `environment` is set on top.
    """

    username = "demo@labelwheel.example"
    password = "labelwheel-demo"

    def __init__(
        self,
        *,
        allow_local: bool = True,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
        folder: Path | None = None,
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder or Path(tempfile.mkdtemp(prefix="labelwheel-ls-"))
        self.log = self.folder / "label-studio.log"
        self.pat = ""
        self._owned = folder is None
        self._environment = {**({"USE_DEFAULT_BANNED_SUBNETS": "false"} if allow_local else {}), **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._access: tuple[str, float] = ("", 0.0)

    # Life

    def __enter__(self) -> LabelStudioServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> LabelStudioServer:
        """Bring it up on a copy of the migrated template (or on its own data, where it ran before) and wait for it."""
        if not (self.folder / "data").exists():
            copying = self.folder / "data.copying"
            shutil.rmtree(copying, ignore_errors=True)  # an earlier start was interrupted in the middle
            shutil.copytree(_template(), copying)
            copying.rename(self.folder / "data")
        self.pat = (self.folder / "data" / "pat").read_text()
        self._launch(timeout=120)
        return self

    def stop(self) -> None:
        """Ask it to end; its data stay for the next `start`."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9; its data stay for the next `start`."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start on the same port and data."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop, and take its data away."""
        self.stop()
        self._session.close()
        if self._owned:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def tail(self, lines: int = 60) -> str:
        """The end of its log, for a failure's message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    # Its API, as the person that the token belongs to

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """One API call with the token; AssertionError with body and log where it is not 2xx."""
        response = self._session.request(
            method,
            self.url + path,
            headers={"Authorization": f"Bearer {self.access_token()}"},
            timeout=arguments.pop("timeout", 120),
            **arguments,
        )
        assert response.ok, f"{method} {path}: {response.status_code} {response.text[:1000]}\n{self.tail()}"
        return response

    def api(self, method: str, path: str, **arguments: Any) -> Any:
        """`call`, and the JSON that it answers (None where there is none)."""
        response = self.call(method, path, **arguments)
        return response.json() if response.content else None

    def access_token(self) -> str:
        """A bearer token that is good for minutes."""
        token, until = self._access
        if time.monotonic() > until:
            answer = self._session.post(f"{self.url}/api/token/refresh/", json={"refresh": self.pat}, timeout=30)
            assert answer.ok, f"token refresh: {answer.status_code} {answer.text[:500]}\n{self.tail()}"
            token = answer.json()["access"]
            self._access = (token, time.monotonic() + 200)
        return token

    def legacy_token(self) -> str:
        """Switch legacy tokens on for the organization, and return the person's."""
        self.api("POST", "/api/jwt/settings", json={"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
        return str(self.api("GET", "/api/current-user/token")["token"])

    def create_project(
        self, label_config: str, tasks: Sequence[Mapping[str, Any]] = (), title: str = "test", **settings: Any
    ) -> int:
        """A project with tasks (data dicts, or whole import items with "data"); returns its id."""
        project = self.api("POST", "/api/projects/", json={"title": title, "label_config": label_config, **settings})
        if tasks:
            self.import_tasks(project["id"], tasks)
        return int(project["id"])

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> None:
        """More tasks, in one import; items may carry "annotations" and "predictions" beside "data"."""
        items = [task if "data" in task else {"data": task} for task in tasks]
        self.api("POST", f"/api/projects/{project}/import", json=items, timeout=600)

    def project(self, project: int) -> dict[str, Any]:
        """The project as the API shows it."""
        return dict(self.api("GET", f"/api/projects/{project}/"))

    def change_project(self, project: int, **settings: Any) -> None:
        """PATCH settings, such as sampling or label_config."""
        self.api("PATCH", f"/api/projects/{project}/", json=settings)

    def delete_project(self, project: int) -> None:
        """The project and all that is in it."""
        self.api("DELETE", f"/api/projects/{project}/")

    def task_ids(self, project: int) -> list[int]:
        """All task ids, ascending."""
        tasks: list[int] = []
        for page in range(1, 10_000):
            answer = self.api(
                "GET", "/api/tasks", params={"project": project, "page": page, "page_size": 500, "include": "id"}
            )
            tasks += [task["id"] for task in answer["tasks"]]
            if len(tasks) >= answer["total"]:
                break
        return sorted(tasks)

    def task(self, task: int) -> dict[str, Any]:
        """One task with annotations, drafts and predictions. Label Studio may ask the ML backend for them."""
        return dict(self.api("GET", f"/api/tasks/{task}/"))

    def next_task(self, project: int) -> dict[str, Any]:
        """What the label stream shows next; Label Studio asks the ML backend for it."""
        return dict(self.api("GET", f"/api/projects/{project}/next"))

    def annotations(self, task: int) -> list[dict[str, Any]]:
        """The submitted annotations of a task."""
        return list(self.api("GET", f"/api/tasks/{task}/annotations/"))

    def submit(self, task: int, result: Sequence[Mapping[str, Any]], **fields: Any) -> dict[str, Any]:
        """Submit an annotation as the UI does; fields: lead_time, parent_prediction, was_cancelled, completed_by, …"""
        body = {"result": list(result), "lead_time": 1.0, **fields}
        return dict(self.api("POST", f"/api/tasks/{task}/annotations/", json=body))

    def skip(self, task: int) -> dict[str, Any]:
        """Press "Skip"."""
        return self.submit(task, [], was_cancelled=True)

    def update(self, annotation: int, **fields: Any) -> dict[str, Any]:
        """Change a submitted annotation (result=…)."""
        return dict(self.api("PATCH", f"/api/annotations/{annotation}/", json=fields))

    def delete_annotation(self, annotation: int) -> None:
        """Delete a submitted annotation."""
        self.api("DELETE", f"/api/annotations/{annotation}/")

    def draft(self, task: int, result: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Save a draft, which is no label."""
        return dict(self.api("POST", f"/api/tasks/{task}/drafts", json={"result": list(result), "lead_time": 1.0}))

    def delete_task(self, task: int) -> None:
        """Delete a task with what is on it."""
        self.api("DELETE", f"/api/tasks/{task}/")

    def create_user(self, email: str) -> int:
        """Another annotator; returns the id, to be used as `submit(…, completed_by=id)`."""
        body = {"email": email, "username": email.split("@")[0], "password": secrets.token_hex(8)}
        return int(self.api("POST", "/api/users/", json=body)["id"])

    # How

    def _launch(self, timeout: float) -> None:
        assert not self.running, "this Label Studio runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        environment = {
            **keep,
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.folder / "data"),
            "LABEL_STUDIO_USERNAME": self.username,
            "LABEL_STUDIO_PASSWORD": self.password,
            "LABEL_STUDIO_HOST": self.url,
            "COLLECT_ANALYTICS": "False",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "LATEST_VERSION_CHECK": "False",
            "DEBUG": "False",
            **self._environment,
        }
        command = [str(executable()), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        deadline = time.monotonic() + timeout
        while not self._healthy():
            assert self.running, f"Label Studio ended by itself\n{self.tail()}"
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"Label Studio was not up after {timeout:.0f} s\n{self.tail()}")
            time.sleep(0.1)

    def _healthy(self) -> bool:
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"{self.url}/health", timeout=5).ok
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=20)
        self._process = None

    def _make_token(self) -> str:
        """Log in as a browser does and make a personal access token."""
        with requests.Session() as browser:
            browser.get(f"{self.url}/user/login/", timeout=60)
            form = {"email": self.username, "password": self.password}
            form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
            browser.post(f"{self.url}/user/login/", data=form, headers={"Referer": self.url}, timeout=60)
            headers = {"X-CSRFToken": browser.cookies["csrftoken"], "Referer": self.url}
            answer = browser.post(f"{self.url}/api/token/", headers=headers, timeout=60)
            assert answer.status_code == 201, f"no token: {answer.status_code} {answer.text[:500]}\n{self.tail()}"
            return str(answer.json()["token"])


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _template() -> Path:
    """The data folder of a migrated Label Studio with one user and a token; made once for each installed version."""
    command = executable()
    versions = sorted(found.name for found in command.parents[1].glob("lib/*/site-packages/label_studio-*.dist-info"))
    key = hashlib.sha256(f"{SCHEMA} {command} {versions}".encode()).hexdigest()[:12]
    version = re.sub(r"^label_studio-|\.dist-info$", "", versions[0]) if versions else "unknown"
    root = REPOSITORY / ".pytest_cache" / "label-studio"
    ready = root / f"{version}-{key}"
    with _locked(root / "lock"):
        if not ready.exists():
            building = Path(tempfile.mkdtemp(prefix="building-", dir=root))
            server = LabelStudioServer(folder=building)
            try:
                server._launch(timeout=600)
                token = server._make_token()
            finally:
                server.stop()
            (building / "data" / "pat").write_text(token)
            (building / "data").rename(ready)
            shutil.rmtree(building, ignore_errors=True)
    return ready

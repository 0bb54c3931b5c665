"""A real Label Studio: its own data, its own port, ready in seconds after the first time.

    with LabelStudioServer() as server:
        project = server.create_project("<View>…</View>", [{"text": "one"}, {"text": "two"}])
        server.submit(server.task_ids(project)[0], [{"from_name": …}])

The executable is that of `.venv-label-studio`, or what `LABELWHEEL_TEST_LABEL_STUDIO` names. The first start migrates
an empty database, which takes a minute; that folder is kept under `.pytest_cache`, and later servers start on a copy.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from testkit.label_studio_api import LabelStudioAPI
from testkit.server import REPOSITORY, Process, answers, clean_environment, end, locked

SCHEMA = 3  # Raise it when what the template holds changes.


def executable() -> Path:
    """The `label-studio` command; AssertionError with what to do where there is none: such a test never skips."""
    path = Path(os.environ.get("LABELWHEEL_TEST_LABEL_STUDIO", REPOSITORY / ".venv-label-studio/bin/label-studio"))
    assert path.is_file(), f"no Label Studio at {path}: run `make install`, or set LABELWHEEL_TEST_LABEL_STUDIO"
    return path


class LabelStudioServer(LabelStudioAPI):
    """One Label Studio process.

    `allow_local` lets it call addresses on 127.0.0.1, which it refuses as it comes. `environment` is set on top.
    """

    name = "label-studio"

    def __init__(
        self,
        *,
        allow_local: bool = True,
        environment: Mapping[str, str] | None = None,
        port: int | None = None,
        folder: Path | None = None,
    ) -> None:
        super().__init__(port, folder)
        self._environment = {**({"USE_DEFAULT_BANNED_SUBNETS": "false"} if allow_local else {}), **(environment or {})}
        self._process: Process | None = None

    def start(self) -> Self:
        """Bring it up on a copy of the migrated template (or on its own data, where it ran before) and wait for it."""
        self._from_template("data", _template)
        self.pat = (self.folder / "data" / "pat").read_text()
        self._launch(timeout=120)
        return self

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9; its data stay for the next `start`."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start on the same port and data."""
        self.stop()
        self.start()

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def _launch(self, timeout: float) -> None:
        assert not self.running, "this Label Studio runs already"
        environment = {
            **clean_environment(),
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
        self._process = self._spawn(command, environment)
        self._up("Label Studio", self._process, lambda: answers(f"{self.url}/health/"), timeout)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            end(self._process, how)
            self._process = None


def _give_secret(data: Path) -> None:
    """A key that reads back as it was written.

    One that Label Studio makes itself may begin with "$", one in fifty does; from its second start on it takes that for
    the name of another variable, and every token is invalid.
    """
    data.mkdir(mode=0o700)
    kept = data / ".env"
    kept.touch(mode=0o600)
    kept.write_text(f"SECRET_KEY={secrets.token_hex(25)}\n", encoding="ascii")


def _template() -> Path:
    """The data folder of a migrated Label Studio with one user and a token; made once for each installed version."""
    command = executable()
    versions = sorted(found.name for found in command.parents[1].glob("lib/*/site-packages/label_studio-*.dist-info"))
    key = hashlib.sha256(f"{SCHEMA} {command} {versions}".encode()).hexdigest()[:12]
    version = re.sub(r"^label_studio-|\.dist-info$", "", versions[0]) if versions else "unknown"
    root = REPOSITORY / ".pytest_cache" / "label-studio"
    ready = root / f"{version}-{key}"
    with locked(root / "lock"):
        if not ready.exists():
            building = Path(tempfile.mkdtemp(prefix="building-", dir=root))
            _give_secret(building / "data")
            server = LabelStudioServer(folder=building)
            try:
                server._launch(timeout=600)
                token = server.make_token()
            finally:
                server.stop()
            (building / "data" / "pat").write_text(token)
            (building / "data").rename(ready)
            shutil.rmtree(building, ignore_errors=True)
    return ready

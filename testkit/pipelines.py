"""The pipeline, run whole on this machine by kfp's own local runner, in the environment that kfp needs for itself.

    run = PipelineRun(folder, token, url=wheel.url, project=1, question="topic")
    assert run.wait() == 0, run.tail()
    verdict = run.outputs("gate")["verdict"]

Each step is a process of its own. What a cluster does besides, such as images and secrets, is not there.
"""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from testkit.server import PATIENCE, REPOSITORY, clean_environment, end

ENVIRONMENT = REPOSITORY / ".venv-pipelines"
PROGRAM = """
import json, sys
from kfp import local
from labelwheel.backend.pipelines.pipeline import labelwheel
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
labelwheel(**json.loads(sys.argv[2]))
"""


class PipelineRun:
    """One run that was started with these parameters; what its steps give lies in the folder."""

    def __init__(self, folder: Path, token: str | None, **parameters: Any) -> None:
        self.folder = folder
        self._log, self._root = folder / "log", folder / "outputs"
        environment = python_path(folder) | ({} if token is None else {"LABELWHEEL_TOKEN": token})
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(python()), "-c", PROGRAM, str(self._root), json.dumps(parameters)],
                env=environment, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit status; AssertionError, and it is killed, where it takes longer."""
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the pipeline was not over after {seconds:.0f} s\n{self.tail()}") from None

    def kill(self) -> None:
        """kill -9 of it and of the step that runs: nothing of it has a last word."""
        end(self._process, signal.SIGKILL)

    def said(self, text: str) -> bool:
        """Whether it or one of its steps has printed this."""
        return text in self._log.read_text(errors="replace")

    def tail(self) -> str:
        """The end of what was printed, for a failure's message."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-40:])

    def began(self, step: str) -> bool:
        """Whether a step was started."""
        return any(self._root.glob(f"*/{step}"))

    def outputs(self, step: str) -> dict[str, Any]:
        """What a step gave, by name: a parameter's value, or an artifact's `metadata` and `path`."""
        (found,) = self._root.glob(f"*/{step}/executor_output.json")
        told = json.loads(found.read_text())
        given = dict(told.get("parameterValues", {}))
        for name, artifacts in told.get("artifacts", {}).items():
            (artifact,) = artifacts["artifacts"]
            given[name] = {"metadata": artifact["metadata"], "path": Path(artifact["uri"])}
        return given


def python() -> Path:
    """That of the environment."""
    found = ENVIRONMENT / "bin" / "python"
    assert found.exists(), f"no {found}: run `make .venv-pipelines/installed`"
    return found


def python_path(folder: Path) -> dict[str, str]:
    """The environment variables by which it finds labelwheel, which is not installed there."""
    packages = folder / "packages"
    packages.mkdir(exist_ok=True)
    if not (packages / "labelwheel").exists():
        (packages / "labelwheel").symlink_to(REPOSITORY)
    return clean_environment() | {"PYTHONPATH": str(packages), "PYTHONUNBUFFERED": "1"}

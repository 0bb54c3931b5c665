"""MLflow's own server for tests, with a registry in SQLite and artifacts in a folder; from `.venv-stand-ins`."""

from __future__ import annotations

import signal
from typing import Self

from testkit.clouds import STAND_INS
from testkit.server import Process, Server, answers, clean_environment, end

_STARTS_WITHIN = 240.0


class MlflowServer(Server):
    """Up for a `with` block; `environment` leads MLflow's client there."""

    name = "mlflow"
    _process: Process | None = None

    def __init__(self) -> None:
        super().__init__(None, None)

    def start(self) -> Self:
        program = STAND_INS / "bin/mlflow"
        assert program.exists(), f"no {program}: run `make .venv-stand-ins/installed`"
        command = [
            str(program), "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}",
            "--artifacts-destination", str(self.folder / "artifacts"),
        ]  # fmt: skip
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true"}
        self._process = self._spawn(command, clean_environment() | quiet)
        self._up(self.name, self._process, lambda: answers(f"{self.url}/health"), _STARTS_WITHIN)
        return self

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM)

    @property
    def environment(self) -> dict[str, str]:
        return {"MLFLOW_TRACKING_URI": self.url, "MLFLOW_DISABLE_TELEMETRY": "true"}

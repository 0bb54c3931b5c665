"""A label-studio-ml server, by the stand-in for label-studio-ml: one class, on a port of its own."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from typing import Self

from testkit import ml_stand_in
from testkit.server import Process, Server, answers, clean_environment, end

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def python_path() -> str:
    """What PYTHONPATH has to be for a process that is to have the stand-in."""
    return os.pathsep.join([str(ml_stand_in.FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])


class MlServer(Server):
    """`label-studio-ml start` of a class that is named as MODULE:CLASS; `environment` is set on top."""

    name = "label-studio-ml"

    def __init__(self, model: str, environment: dict[str, str], folder: Path | None = None) -> None:
        super().__init__(None, folder)
        self._model, self._environment = model, environment
        self._process: Process | None = None

    def start(self) -> Self:
        environment = {**clean_environment(), "PYTHONPATH": python_path(), "MODEL_DIR": str(self.folder)}
        command = [sys.executable, "-m", "label_studio_ml.server", self._model, str(self.port)]
        self._process = self._spawn(command, {**environment, **self._environment})
        self._up("the ML server", self._process, lambda: answers(f"{self.url}/health"), 120)
        return self

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM)
            self._process = None

    def asked(self, path: str) -> int:
        """How often it has answered well to a POST."""
        lines = COLOURS.sub("", self.log.read_text(errors="replace")).splitlines()
        return sum(f'"POST {path} HTTP/1.1" 20' in line for line in lines)

"""`transformers serve` over a folder with a causal model: an endpoint of the OpenAI protocol that is not ours."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Self

from testkit.server import PATIENCE, Process, Server, answers, clean_environment, end


class TransformersServer(Server):
    """It knows neither schemas nor probabilities, and says so in its log alone. `api` is its address for clients."""

    name = "transformers-serve"

    def __init__(self, model: Path, folder: Path | None = None) -> None:
        super().__init__(None, folder)
        self.model, self.api = str(model), f"{self.url}/v1"
        self._process: Process | None = None

    def start(self) -> Self:
        command = [sys.executable, "-m", "transformers.cli.transformers", "serve", self.model]
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--device", "cpu"]
        environment = clean_environment() | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self._process = self._spawn([*command, *where], environment)
        self._up("transformers serve", self._process, lambda: answers(f"{self.url}/health"), PATIENCE)
        return self

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM)
            self._process = None

"""A Space's folder as its process: `python app.py`, alone, with the packages of this environment."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Self

from testkit.server import Process, Server, answers, clean_environment, end

TOKEN = "the-flags-token-of-a-test"
_STARTS_WITHIN = 180.0


class SpaceServer(Server):
    """Up for a `with` block; `flags` is the file that it keeps. Nothing of this repository is on its path."""

    name = "space"

    def __init__(self, space: Path, port: int | None = None) -> None:
        super().__init__(port, None)
        self.space = space
        self._process: Process | None = None
        self.flags = self.folder / "kept" / "flags.jsonl"

    def start(self) -> Self:
        self._process = self._spawn([sys.executable, str(self.space / "app.py")], self.environment)
        self._up("the Space", self._process, lambda: answers(f"{self.url}/api/question"), _STARTS_WITHIN)
        return self

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, signal.SIGTERM)

    @property
    def environment(self) -> dict[str, str]:
        kept = {"SPACE_DATA": str(self.flags.parent), "FLAGS_TOKEN": TOKEN}
        return clean_environment() | {"HOST": "127.0.0.1", "PORT": str(self.port), "HF_HUB_OFFLINE": "1"} | kept

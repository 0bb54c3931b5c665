"""Where a job's specification is: on this machine, or at a URL beside its data, with who is told of its progress."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path

from labelwheel.training import places
from labelwheel.training.progress import FILE

logger = logging.getLogger(__name__)

SPEC = "spec.json"
"""What a specification at a URL is called, by whoever puts it there; its listener is beside it, as FILE."""


class SpecPlace:
    """A path, or a URL with `scratch`, a folder to be made for a copy."""

    def __init__(self, argument: str, scratch: Path) -> None:
        self.url = argument if places.is_url(argument) else None
        self.path = Path(argument) if self.url is None else scratch / SPEC
        if self.url is not None:
            scratch.mkdir()

    def fetch(self) -> bool:
        """Whether there is a spec still. Raises StoreUnreachable."""
        if self.url is None:
            return True
        folder = self.url.rpartition("/")[0]
        try:
            self.path.write_bytes(places.read(self.url))
        except FileNotFoundError:
            logger.info("%s was withdrawn", self.url)
            return False
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
            told = json.loads(places.read(f"{folder}/{FILE}"))
            token = self.path.with_name("token")
            token.touch(0o600)
            token.write_text(told["token"], encoding="utf-8")
            listener = json.dumps({"url": told["url"], "token_file": str(token)})
            self.path.with_name(FILE).write_text(listener, encoding="utf-8")
        return True

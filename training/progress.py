"""How far a job is, told to whoever waits for it, in the protocol of transformers' own `KubeflowCallback`."""

from __future__ import annotations

import json
import logging
import os
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

FILE = "progress.json"
"""Beside each of several specifications: {"url", "token_file"}."""

_INTERVAL = 1.0
_SLOW = 2.0
_PAUSE = 60.0
_TIMEOUT = 5.0
_URL = "KUBEFLOW_TRAINER_SERVER_URL"
_TOKEN_FILE = "KUBEFLOW_TRAINER_SERVER_TOKEN"  # noqa: S105  (a variable's name)
_CA_FILE = "KUBEFLOW_TRAINER_SERVER_CA_CERT"


@dataclass(frozen=True)
class Listener:
    """Who is told, and the private file that has the token; an empty `url` is nobody."""

    url: str = ""
    token_file: str = ""

    @classmethod
    def of_environment(cls) -> Listener:
        """What the launcher of a job of one question has set."""
        return cls(os.environ.get(_URL, ""), os.environ.get(_TOKEN_FILE, ""))

    @classmethod
    def beside(cls, spec: Path) -> Listener:
        """What the launcher of several has written beside each specification; nobody where it has not."""
        try:
            found = json.loads((spec.parent / FILE).read_bytes())
            return cls(str(found["url"]), str(found["token_file"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()


class Progress:
    """The percentage of a whole job, made of phases; it never falls, and a deaf listener never holds the job up."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = Listener.of_environment() if listener is None else listener
        self.percent = 0.0
        self._start = time.monotonic()
        self._low, self._high = 0.0, 100.0
        self._quiet_until = 0.0
        self._last = 0.0
        self._metrics: dict[str, Any] = {}

    @contextmanager
    def phase(self, name: str, until: float) -> Iterator[None]:
        """A part of the job that ends at a percentage of the whole."""
        outer = self._low, self._high
        self._low, self._high = self.percent, max(self.percent, min(until, outer[1]))
        logger.info("%s (%.0f %%)", name, self.percent)
        self.update(0.0, force=True)
        yield
        self.update(1.0, force=True)
        self._low, self._high = outer

    def update(self, share: float, metrics: Mapping[str, Any] | None = None, force: bool = False) -> None:
        """How much of the present phase is done, in [0, 1], and what is worth showing beside it."""
        self._metrics |= metrics or {}
        self.percent = max(self.percent, self._low + (self._high - self._low) * min(max(share, 0.0), 1.0))
        now = time.monotonic()
        if now < self._quiet_until or (not force and now - self._last < _INTERVAL):
            return
        self._last = now
        elapsed = now - self._start
        left = elapsed / self.percent * (100.0 - self.percent) if self.percent >= 5.0 else None
        self._send(left)

    def _send(self, seconds_left: float | None) -> None:
        if not self._listener.url:
            return
        began = time.monotonic()
        try:
            _post(self._listener, round(self.percent), seconds_left, self._metrics)
        except Exception:  # nobody may be listening; a job is not for its progress
            logger.debug("No progress was sent", exc_info=True)
        if time.monotonic() - began > _SLOW:
            self._quiet_until = time.monotonic() + _PAUSE


class _Unled(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(listener: Listener, percent: int, seconds_left: float | None, metrics: Mapping[str, Any]) -> None:
    """One message, as transformers' KubeflowCallback writes it, but past any proxy: it carries a token of ours."""
    url, token = listener.url, Path(listener.token_file).read_text(encoding="utf-8").strip()
    status: dict[str, Any] = {"lastUpdatedTime": datetime.now(UTC).isoformat(), "progressPercentage": percent}
    if seconds_left is not None:
        status["estimatedRemainingSeconds"] = max(0, int(seconds_left))
    if metrics:
        status["metrics"] = [{"name": str(name), "value": str(value)} for name, value in metrics.items()]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"trainerStatus": status}).encode()
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310
    handlers: list[Any] = [urllib.request.ProxyHandler({}), _Unled()]
    if url.startswith("https://"):
        context = ssl.create_default_context(cafile=os.environ.get(_CA_FILE))
        handlers.append(urllib.request.HTTPSHandler(context=context))
    with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT):
        pass

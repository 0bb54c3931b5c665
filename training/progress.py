"""How far a job is, told to whoever waits for it, in the protocol of transformers' own `KubeflowCallback`."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)

_INTERVAL = 1.0
_SLOW = 2.0
_PAUSE = 60.0


class Progress:
    """The percentage of a whole job, made of phases; it never falls, and a deaf listener never holds the job up."""

    def __init__(self) -> None:
        self.percent = 0.0
        self._start = time.monotonic()
        self._low, self._high = 0.0, 100.0
        self._quiet_until = 0.0
        self._sender: Any = None
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
        if not os.environ.get("KUBEFLOW_TRAINER_SERVER_URL"):
            return
        try:
            if self._sender is None:
                from transformers.integrations import KubeflowCallback

                self._sender = KubeflowCallback()
            began = time.monotonic()  # the import above takes seconds too, and is not the listener's fault
            self._sender._update_status(round(self.percent), seconds_left, self._metrics, force=True)
            if time.monotonic() - began > _SLOW:
                self._quiet_until = time.monotonic() + _PAUSE
        except Exception:  # nobody may be listening; a job is not for its progress
            logger.debug("No progress was sent", exc_info=True)

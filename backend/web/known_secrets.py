"""The tools' secrets, looked up in the database and known for a moment: a tool may ask hundreds of times a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from labelwheel.backend.projects.tool_secrets import Owner, digest

log = logging.getLogger(__name__)

SECONDS = 2.0
"""How long an ended secret may still be taken."""

_MOST = 10_000


@dataclass
class _Known:
    owner: Owner
    again: float


class KnownSecrets:
    """`find` asks the database about what it does not know. What it knows stays good while the database is away."""

    def __init__(self, find: Callable[[str], Owner | None], seconds: float = SECONDS) -> None:
        self._find, self._seconds = find, seconds
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def owner(self, secret: str) -> Owner | None:
        """Whose secret it is, None for nobody's; raises SQLAlchemyError where that cannot be known."""
        key, now = digest(secret), time.monotonic()
        with self._lock:
            known = self._known.get(key)
            if known is not None and now < known.again:
                return known.owner
            if known is not None:
                known.again = now + self._seconds  # one thread asks, the others go on meanwhile
        try:
            owner = self._find(secret)
        except SQLAlchemyError as error:
            if known is None:
                raise
            log.warning("a tool's secret is taken as before, the database does not answer: %s", type(error).__name__)
            return known.owner
        with self._lock:
            if owner is None:
                self._known.pop(key, None)
                return None
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = _Known(owner, now + self._seconds)
        return owner

"""The wall clock may be set: what is scheduled goes by it only across restarts, and never waits for the future."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime


def age(moment: datetime | None) -> float:
    """Seconds since a stored moment. Infinite where there is none, or where it lies in the future: the clock was set
    back since, so nobody knows how long ago it was, and what waits for it is due."""
    if moment is None:
        return math.inf
    seconds = (datetime.now(UTC) - moment).total_seconds()
    return seconds if seconds >= 0 else math.inf


class LastTime:
    """When something was done last: by this process's own clock, and before it did it once, as it is stored."""

    def __init__(self) -> None:
        self._at: float | None = None

    def note(self, at: float | None = None) -> None:
        """It was done, now or at a moment of `time.monotonic`."""
        self._at = time.monotonic() if at is None else at

    @property
    def done(self) -> bool:
        """Whether this process did it once."""
        return self._at is not None

    def age(self, stored: datetime | None) -> float:
        """Seconds since then."""
        return age(stored) if self._at is None else time.monotonic() - self._at

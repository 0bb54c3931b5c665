"""How long something may take, as people write it."""

from __future__ import annotations

import re

from labelwheel.backend.errors import InvalidRequest

UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(min|[smhd])", re.IGNORECASE)
LEAST, MOST = 30.0, 7 * 86400.0


def seconds_of(text: str, option: str = "--budget") -> float:
    """What a duration says; raises InvalidRequest."""
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise InvalidRequest(f"{option} {text!r:.40} is no duration; say 90s, 20m, 2h or 1h30m")
    seconds = sum(float(number) * UNITS[unit.lower()] for number, unit in parts)
    if not LEAST <= seconds <= MOST:
        raise InvalidRequest(f"{option} {text!r:.40} is out of reach; from 30s to 7d are possible")
    return seconds

"""Shares with their intervals, and the difference of two: Wilson 1927, Newcombe 1998 (method 10). All 95 %."""

from __future__ import annotations

from typing import Any

Z = 1.96


def rated(answered: int, accepted: int) -> dict[str, Any]:
    """`answered`, `accepted`, the `rate`, `low` and `high`; without answers the rate is None."""
    low, high = _wilson(accepted, answered)
    rate = round(accepted / answered, 4) if answered else None
    return {"answered": answered, "accepted": accepted, "rate": rate, "low": low, "high": high}


def difference(one: dict[str, Any], other: dict[str, Any], times: float) -> dict[str, float]:
    """How much `more` the rate of the one is, `low` and `high`, in units of which `times` are 1."""
    a, b = one["rate"], other["rate"]
    low = (a - b) - ((a - one["low"]) ** 2 + (other["high"] - b) ** 2) ** 0.5
    high = (a - b) + ((one["high"] - a) ** 2 + (b - other["low"]) ** 2) ** 0.5
    more, low, high = (round(times * each, 1) for each in (a - b, low, high))
    return {"more": more, "low": low, "high": high}


def _wilson(hits: int, count: int) -> tuple[float, float]:
    if not count:
        return 0.0, 1.0
    share, spread = hits / count, Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z * ((share * (1 - share) + spread / 4) / count) ** 0.5 / (1 + spread)
    return round(max(middle - half, 0.0), 4), round(min(middle + half, 1.0), 4)

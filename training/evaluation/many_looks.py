"""One level for many looks: what is found by looking often enough is found by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def holm(p_values: Sequence[float]) -> list[float]:
    """Each corrected for all of them (Holm 1979), in their order: the chance that any is named wrongly is bounded.

    It asks nothing about how they depend on each other.
    """
    found, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        found[place] = largest
    return found


def mark(rows: Sequence[dict[str, Any]], level: float) -> None:
    """Corrects the `p_value` of each for all of them, and says which are `beyond_chance`."""
    for row, corrected in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row |= {"p_value": corrected, "beyond_chance": corrected <= level}

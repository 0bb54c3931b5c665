"""A model that the operator named and that a round could not use: said in its report, and so in its decision."""

from __future__ import annotations

from collections.abc import Iterable

_SAID = "named, but not used: "


def unused(name: str, reason: object) -> str:
    """The note of a strategy, by its name."""
    return f"{name}: {_SAID}{reason}"


def among(notes: Iterable[str]) -> list[str]:
    """Those of a report's notes that say so."""
    return [note for note in notes if f": {_SAID}" in note]

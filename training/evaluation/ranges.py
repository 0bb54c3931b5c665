"""Ranges of numbers, as slices are called by them: `under 10`, `10 to under 20`, `20 and more`."""

from __future__ import annotations

import re
from collections.abc import Collection

PARTS = 4
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_NUMBERS = re.compile(_NUMBER)
_RANGE = re.compile(rf"under ({_NUMBER})|({_NUMBER}) to under ({_NUMBER})|({_NUMBER}) and more")


def are_numbers(values: Collection[str]) -> bool:
    """Whether each value is one."""
    return all(map(_NUMBERS.fullmatch, values))


def edges(values: Collection[str]) -> list[str]:
    """Up to three of the values, ascending, that cut all of them into parts of about one size.

    All are numbers, not all the same.
    """
    ordered = sorted(values, key=float)
    found = {float(value): value for value in (ordered[len(ordered) * part // PARTS] for part in range(1, PARTS))}
    least = float(ordered[0])
    kept = [found[number] for number in sorted(found) if number > least]
    # where most are the least of all, they are one part, and the others the other
    return kept or [value for value in ordered if float(value) > least][:1]


def place(value: str, cuts: list[str]) -> str:
    """The range between neighbouring `cuts` that a number is in."""
    above = sum(float(value) >= float(cut) for cut in cuts)
    if not above:
        return f"under {cuts[0]}"
    return f"{cuts[-1]} and more" if above == len(cuts) else f"{cuts[above - 1]} to under {cuts[above]}"


def holds(name: str, value: str) -> bool:
    """Whether a value is a number in the range of this name; false where either is none."""
    found = _RANGE.fullmatch(name)
    if found is None or not _NUMBERS.fullmatch(value):
        return False
    under, low, high, least = (None if edge is None else float(edge) for edge in found.groups())
    number = float(value)
    return all(
        (
            under is None or number < under,
            low is None or number >= low,
            high is None or number < high,
            least is None or number >= least,
        )
    )

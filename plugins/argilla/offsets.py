"""Offsets of spans: Argilla's pages count UTF-16 units, as JavaScript does; labelwheel counts code points.

Argilla's server checks both alike against the length in code points. So what its page draws behind an emoji is one to
the left of what a program meant, unless the program counts as the page does.
"""

from __future__ import annotations

_BEYOND = 0xFFFF


class Offsets:
    """The places in one text, in both countings."""

    def __init__(self, text: str) -> None:
        self.length = len(text)
        self._plain = all(ord(character) <= _BEYOND for character in text)
        self._units = [0]
        if not self._plain:
            for character in text:
                self._units.append(self._units[-1] + (2 if ord(character) > _BEYOND else 1))
        self._points = {unit: point for point, unit in enumerate(self._units)}

    def units(self, point: int) -> int:
        """UTF-16 units before a code point."""
        return point if self._plain else self._units[point]

    def point(self, unit: object) -> int | None:
        """Code points before a UTF-16 unit; None outside of the text and within a character."""
        if not isinstance(unit, int) or isinstance(unit, bool) or unit < 0:
            return None
        if self._plain:
            return unit if unit <= self.length else None
        return self._points.get(unit)

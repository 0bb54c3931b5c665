"""Where a span begins and ends: the edges that are learnt and compared, whatever white space a mark took along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import regex  # type: ignore[import-untyped]

INVISIBLE = "\u00ad\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
"""Nobody sees these beside a word, and no tokenizer keeps them: soft hyphens, marks of direction, empty spaces."""

GRAPHEME = regex.compile(r"\X")

_SCRIPTS = ("Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Javanese")
_UNSPACED = "".join(rf"\p{{{script}}}" for script in _SCRIPTS)
LETTER = rf"[[\p{{L}}\p{{M}}]--[{_UNSPACED}ー々〆〻ｰ]]"
"""A letter of a script that puts spaces between words, in a regex of version 1."""

_BLANK = rf"[\s\x1c-\x1f\x85{INVISIBLE}]+"  # what str.isspace knows, and more
_BEFORE, _AFTER = regex.compile(_BLANK), regex.compile(rf"(?r){_BLANK}")


def bare(text: str, start: int, end: int) -> tuple[int, int]:
    """A range without the white space at its edges; empty, at its end, where there is nothing else."""
    if start < end and (blank := _BEFORE.match(text, start, end)):
        start = blank.end()
    if start < end and (blank := _AFTER.match(text, start, end)):
        end = blank.start()
    return start, max(start, end)


def whole_graphemes(text: str, start: int, end: int) -> tuple[int, int]:
    """A range extended to whole user-perceived characters: an accent, a joiner or a skin tone is never cut off."""
    if text.isascii():
        return start, end
    for match in GRAPHEME.finditer(text, max(0, start - 64)):
        low, high = match.span()
        if text[low].isspace():
            continue
        if low < start < high:
            start = low
        if low < end < high:
            end = high
        if high >= end:
            break
    return start, end


def natural(text: str, start: int, end: int) -> tuple[int, int]:
    """The edges that a suggestion can have: whole characters, no white space outside; alone it stays as it is."""
    low, high = bare(text, start, end)
    return whole_graphemes(text, low, high) if low < high else (start, end)


def comparable(text: str, spans: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Spans by their natural edges, sorted; those that differ in white space alone are one."""
    found = {(*natural(text, span["start"], span["end"]), span["label"]) for span in spans}
    return [{"start": start, "end": end, "label": label} for start, end, label in sorted(found)]

"""What can be said of a word by itself: its letters, its shape, its affixes, and the words around it, as attributes."""

from __future__ import annotations

from collections.abc import Sequence

import regex  # type: ignore[import-untyped]

from labelwheel.training.heads.words import Range

_AROUND = (-2, -1, 1, 2)
_PREFIXES, _SUFFIXES = (1, 2, 3), (1, 2, 3, 4)
_LONGEST = 30  # of a word's letters; more only fill memory
_SHAPES = ((regex.compile(r"\p{Lu}"), "X"), (regex.compile(r"\p{Ll}"), "x"), (regex.compile(r"\p{N}"), "0"))
_REPEATED = regex.compile(r"(.)\1{2,}", regex.DOTALL)


def attributes(text: str, ranges: Sequence[Range]) -> list[list[str]]:
    """The attributes of each word of a text."""
    plain = [text[start:end][:_LONGEST] for start, end in ranges]
    low, shapes = [word.casefold() for word in plain], [shape(word) for word in plain]
    found = []
    for place, word in enumerate(low):
        said = ["bias", f"w={word}", f"s={shapes[place]}"]
        said += [f"p={word[:size]}" for size in _PREFIXES if len(word) > size]
        said += [f"x={word[-size:]}" for size in _SUFFIXES if len(word) > size]
        for step in _AROUND:
            other = place + step
            if 0 <= other < len(low):
                said += [f"{step}w={low[other]}", f"{step}s={shapes[other]}"]
            elif other in (-1, len(low)):
                said.append(f"{step}end")
        if place and ranges[place - 1][1] == ranges[place][0]:
            said.append("touches the one before")
        if place + 1 < len(low):
            said.append(f"ww={word} {low[place + 1]}")
            if ranges[place + 1][0] == ranges[place][1]:
                said.append("touches the next")
        found.append(said)
    return found


def shape(word: str) -> str:
    """Capitals, small letters and digits as X, x and 0, no more than two of a sort: `McDonald2024` is XxXxx00."""
    for pattern, sign in _SHAPES:
        word = pattern.sub(sign, word)
    return _REPEATED.sub(r"\1\1", word)[:12]

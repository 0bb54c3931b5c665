"""The slices that an example is in, and those that people name in a setting."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, NamedSlice

_LENGTHS = ((40, "under 40 characters"), (160, "40 to 159"), (640, "160 to 639"))
_LONGEST = "640 and more"
_SYMBOLS, _ASCII, _OTHER = "with emoji or symbols", "ASCII", "other scripts and accents"
KNOWN: Mapping[str, tuple[str, ...]] = {
    "length": (*(name for _, name in _LENGTHS), _LONGEST),
    "characters": (_ASCII, _OTHER, _SYMBOLS),
}
"""The slices that every text has, with their values."""


def features(text: str) -> dict[str, str]:
    """The slices that every text has."""
    length = next((name for limit, name in _LENGTHS if len(text) < limit), _LONGEST)
    if any(unicodedata.category(character) == "So" for character in text):
        return {"length": length, "characters": _SYMBOLS}
    return {"length": length, "characters": _ASCII if text.isascii() else _OTHER}


def of(question: Question, row: LabelledExample) -> dict[str, str]:
    """All slices that an example is in: its own, by name, and those that every text has."""
    return {**row.slices, **features(question.text(row.example))}


def read(text: str) -> tuple[NamedSlice, ...]:
    """Named slices as people write them, `source=mobile, length=under 40 characters`; raises ValueError."""
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, sign, value = (each.strip() for each in part.partition("="))
        if not (name and sign and value):
            raise ValueError(f"{part!r} is no slice: write NAME=VALUE, with commas between several")
        if value not in KNOWN.get(name, (value,)):
            raise ValueError(f"there is no {name} {value!r}; there are {', '.join(map(repr, KNOWN[name]))}")
        found.append(NamedSlice(name=name, value=value))
    return tuple(dict.fromkeys(found))

"""The slices that an example is in, and those that people name in settings.

A name is one of `OWN`, or else that of a column that the labelling tool has beside the texts: `source`, and
`metadata.source` alike, which is how a column is named that is called as one of `OWN`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from labelwheel.training.evaluation import languages, ranges
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

LANGUAGE = "language"
"""The slice of which the values are languages; only among texts of more than one."""

OWN = (*KNOWN, LANGUAGE, "origin", "label age", "annotator", "project")
"""The slices that labelwheel itself tells, whatever the tool has."""

SEVERAL = "several"
"""The value where an example has more than one: of the annotator, or in the projects that a text is labelled in."""

COLUMN = "metadata."
MOST_NAMES = 24
"""So many columns may be named: their values are kept with each example."""


def features(text: str) -> dict[str, str]:
    """The slices that every text has."""
    length = next((name for limit, name in _LENGTHS if len(text) < limit), _LONGEST)
    if any(unicodedata.category(character) == "So" for character in text):
        return {"length": length, "characters": _SYMBOLS}
    return {"length": length, "characters": _ASCII if text.isascii() else _OTHER}


def of(question: Question, rows: Sequence[LabelledExample]) -> list[dict[str, str]]:
    """All slices that each example is in: its own, by name, those that every text has, and its language among these."""
    texts = [question.text(row.example) for row in rows]
    found = [{**row.slices, **features(text)} for row, text in zip(rows, texts, strict=True)]
    for each, language in zip(found, languages.of(texts) or (), strict=False):
        each[LANGUAGE] = language
    return found


def holds(named: NamedSlice, slices: Mapping[str, str]) -> bool:
    """Whether an example with these slices is in the one that was named, by its value or by a range of numbers."""
    value = slices.get(named.name)
    return value is not None and (value == named.value or ranges.holds(named.value, value))


def names(text: str) -> tuple[str, ...]:
    """Names of slices as people write them, `annotator, source`; raises ValueError."""
    found = tuple(dict.fromkeys(filter(None, (each.strip() for each in text.split(",")))))
    _check(found)
    return found


def columns(named: Iterable[str]) -> dict[str, str]:
    """The columns of the labelling tool that are among some names, by those names."""
    return {name: name.removeprefix(COLUMN) for name in named if name not in OWN}


def read(text: str) -> tuple[NamedSlice, ...]:
    """Named slices as people write them, `source=mobile, length=under 40 characters`; raises ValueError."""
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, sign, value = (each.strip() for each in part.partition("="))
        if not (name and sign and value):
            raise ValueError(f"{part!r} is no slice: write NAME=VALUE, with commas between several")
        if value not in KNOWN.get(name, (value,)):
            raise ValueError(f"there is no {name} {value!r}; there are {', '.join(map(repr, KNOWN[name]))}")
        if name == LANGUAGE and not languages.is_value(value):
            raise ValueError(
                f"there is no language {value!r}: write its code of ISO 639, such as 'de', {languages.OTHER!r} or "
                f"{languages.UNKNOWN!r}"
            )
        found.append(NamedSlice(name=name, value=value))
    _check({each.name for each in found})
    return tuple(dict.fromkeys(found))


def _check(named: Iterable[str]) -> None:
    if len(found := columns(named)) > MOST_NAMES:
        raise ValueError(f"{len(found)} columns of the labelling tool are named; {MOST_NAMES} are the most")

"""Where a text could be cut inside of what people see as one thing: a word, a number, an amount with its sign."""

from __future__ import annotations

from typing import NamedTuple

import regex  # type: ignore[import-untyped]

from labelwheel.training.span_edges import LETTER

WORDS, NUMBERS, UNITS, COMPOUNDS = "words", "numbers", "units", "compounds"
"""Between letters; within `2,300` or `04/2024`; in `5kg` before the unit; beside the mark in `e-mail` or `Ann's`."""

KINDS = (WORDS, NUMBERS, UNITS, COMPOUNDS)

BEFORE, AFTER = "before", "after"
"""On which side of a span a mark stands, such as the `£` of `£5` or the `%` of `5%`."""

MARK = regex.compile(r"[\p{P}\p{Sc}\p{Sm}\p{Sk}]")
SIGN = regex.compile(r"[\p{Sc}%‰°]")
"""What belongs to a number beside it, unless people leave it out."""

_BETWEEN = {
    WORDS: rf"(?V1)(?<={LETTER})(?={LETTER})",
    NUMBERS: r"(?V1)(?<=\p{N})(?=\p{N})",
    UNITS: rf"(?V1)(?<=\p{{N}})(?={LETTER})|(?<={LETTER})(?=\p{{N}})",
}
_AROUND = {
    COMPOUNDS: rf"(?V1)(?<=[{LETTER}\p{{N}}])[\p{{P}}\p{{Sm}}](?=[{LETTER}\p{{N}}])",
    NUMBERS: r"(?V1)(?<=\p{N})[.,:/'’·٫٬\-–](?=\p{N})",
}
_PLACES = {kind: regex.compile(pattern) for kind, pattern in _BETWEEN.items()}
_INNER_MARKS = {kind: regex.compile(pattern) for kind, pattern in _AROUND.items()}
_SIGN_BEFORE = regex.compile(r"\p{Sc}(?=[.,]?\p{N})")
_SIGN_AFTER = regex.compile(r"(?<=\p{N})[\p{Sc}%‰°]")


class Seam(NamedTuple):
    """A place inside of one thing: its kind; of a sign beside a number also the sign, `kind` being its side."""

    kind: str
    sign: str = ""


def seams(text: str) -> dict[int, Seam]:
    """Every seam of a text by its offset in code points."""
    found: dict[int, Seam] = {}
    for kind, pattern in _PLACES.items():
        found.update(dict.fromkeys((match.start() for match in pattern.finditer(text)), Seam(kind)))
    for kind, pattern in _INNER_MARKS.items():  # a mark within a number is one within a compound too: numbers come last
        for match in pattern.finditer(text):
            found[match.start()] = found[match.end()] = Seam(kind)
    for match in _SIGN_BEFORE.finditer(text):
        found[match.end()] = Seam(BEFORE, match.group())
    for match in _SIGN_AFTER.finditer(text):
        found[match.start()] = Seam(AFTER, match.group())
    return found

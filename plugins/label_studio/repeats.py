"""The same words elsewhere in a text, also inflected: what somebody has marked once, they mean to mark again.

Rather too few than a wrong one, which would have to be found and taken away: never inside of another word, and words
are inflected by the few endings alone that hardly ever make another word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

MOST = 50
"""So many are found at once."""
LONGEST = 200
"""Characters. What is longer is a passage, not a name for something."""
LEAST_STEM = 4
LEAST_GERMAN_STEM = 5

_GERMAN_NOUN = re.compile(r"[A-ZÄÖÜ]\w+(ung|heit|keit|schaft)(en)?")
_GERMAN_ENDINGS = ("en", "es", "n", "e", "s")
_SIBILANT = re.compile(r"(s|x|z|ch|sh)\Z")
_NO_PLURAL = ("ss", "us", "is")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, Chinese and Japanese: no space says where a word ends."""
_KATAKANA = re.compile("[\u30a0-\u30ff]")
_WORD = re.compile(r"\w+")
_GERMAN = frozenset(
    _WORD.findall(
        "der die das und ist nicht ein eine mit für auf dem den von zu sich wir ich sind wird war hat bei kein"
    )
)
_GLUE = frozenset("-‐‑.@_/\\:,'’&+")
"""Joins words to a longer one where no space follows: e-mail, example.com, 1,000."""


class Mark(NamedTuple):
    """A piece of a text in code points, the end exclusive, and what it is marked as."""

    start: int
    end: int
    label: str


def repeats(text: str, fresh: Iterable[Mark], stated: Sequence[Mark], suggested: Sequence[Mark] = ()) -> list[Mark]:
    """Where else the words of the `fresh` marks stand, in the order of the text.

    None overlaps what is marked already. Words that people marked as several things say nothing.
    """
    taken = bytearray(len(text))
    for start, end, _ in (*stated, *suggested):
        taken[start:end] = b"\1" * len(text[start:end])
    found: list[Mark] = []
    for mark in (_trimmed(text, each) for each in fresh):
        surface = text[mark.start : mark.end]
        if not _telling(surface) or _disputed(text, surface, mark, stated):
            continue
        for start, end in _places(text, mark, surface):
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append(Mark(start, end, mark.label))
            if len(found) == MOST:
                return sorted(found)
    return sorted(found)


def _trimmed(text: str, mark: Mark) -> Mark:
    """A mark without the white space that was taken along at its edges."""
    surface = text[mark.start : mark.end]
    start = mark.start + len(surface) - len(surface.lstrip())
    return Mark(start, max(start, mark.end - len(surface) + len(surface.rstrip())), mark.label)


def _telling(surface: str) -> bool:
    """Whether the words are enough to know them by."""
    return len(surface) <= LONGEST and sum(map(str.isalnum, surface)) >= 2


def _disputed(text: str, surface: str, mark: Mark, stated: Sequence[Mark]) -> bool:
    words = surface.casefold()
    return any(
        other.label != mark.label and text[other.start : other.end].strip().casefold() == words for other in stated
    )


def _places(text: str, mark: Mark, surface: str) -> Iterator[tuple[int, int]]:
    if not _whole(text, mark.start, mark.end):
        return  # part of a word was marked: nobody knows what is meant elsewhere
    capital, german = _starts_sentence(text, mark.start), _german(text, surface)
    for match in _pattern(surface, capital, german).finditer(text):
        start, end = match.span()
        recased = text[start] != surface[0]
        # a capital at the beginning of a sentence may be a name's: Adam, and Adams behind it
        named = surface[0].isupper() and not recased and not german and _differs(match.group(), surface)
        if _whole(text, start, end) and not named and (not recased or capital or _starts_sentence(text, start)):
            yield start, end


def _differs(found: str, surface: str) -> bool:
    return found.split() != surface.split()


@lru_cache(maxsize=256)
def _pattern(surface: str, capital: bool, german: bool) -> re.Pattern[str]:
    """The words, with any white space between them, the last one inflected; the first letter in both cases."""
    *before, last = surface.split()
    forms = sorted({last, *_inflected(last, capital and not before, german)}, key=lambda form: (-len(form), form))
    words = [*map(re.escape, before), f"(?:{'|'.join(map(re.escape, forms))})"]
    either = _either(surface)
    if before:
        return re.compile(r"\s+".join([either + re.escape(before[0][1:]), *words[1:]]))
    return re.compile(either + f"(?:{'|'.join(re.escape(form[1:]) for form in forms)})")


def _either(surface: str) -> str:
    """A pattern for the first letter: as it is, and in the other case where the rest is in lower case."""
    first, rest = surface[0], _WORD.match(surface)
    word = rest.group() if rest else ""
    other = first.swapcase()
    if len(word) < LEAST_STEM or not word[1:].islower() or len(other) != 1:
        return re.escape(first)
    return f"[{re.escape(first)}{re.escape(other)}]"


def _inflected(word: str, capital: bool, german: bool) -> Iterator[str]:
    """Forms of a word that begin like it. A name is not inflected: Adam is not Adams."""
    if not word.isalpha() or not word[1:].islower() or _UNSPACED.search(word):
        return
    if german and word[0].isupper():
        yield from _german_forms(word)
    elif not german and (word[0].islower() or capital):
        yield from _plural_forms(word)


def _plural_forms(word: str) -> Iterator[str]:
    if len(word) >= LEAST_STEM:
        if word.endswith("y") and word[-2] not in "aeiou":
            yield f"{word[:-1]}ies"
        else:
            yield f"{word}es" if _SIBILANT.search(word) else f"{word}s"
    if word.endswith("ies") and len(word) > LEAST_STEM + 1:
        yield f"{word[:-3]}y"
    elif word.endswith("s") and not word.endswith(_NO_PLURAL) and len(word) > LEAST_STEM:
        yield word[:-1]
        if word.endswith("es") and _SIBILANT.search(word[:-2]):
            yield word[:-2]


def _german_forms(word: str) -> Iterator[str]:
    """A noun with an ending more, or less: Rechnung, Rechnungen."""
    if len(word) >= LEAST_GERMAN_STEM:
        yield from (word + ending for ending in _GERMAN_ENDINGS)
    stems = (word.removesuffix(ending) for ending in _GERMAN_ENDINGS if word.endswith(ending))
    yield from (stem for stem in stems if len(stem) >= LEAST_GERMAN_STEM)


def _german(text: str, surface: str) -> bool:
    """Whether a text is German: two signs of it are enough."""
    words = {word.lower() for word in _WORD.findall(text[:20_000])}
    signs = len(_GERMAN & words) + (re.search("[äöüß]", text) is not None)
    return signs + 2 * (_GERMAN_NOUN.fullmatch(surface.split()[-1]) is not None) >= 2


def _starts_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - 3) : start].rstrip(" \t\"'«»“”„(")
    return not before or before[-1] in ".!?:\n\r…"


def _whole(text: str, start: int, end: int) -> bool:
    """Whether a piece neither begins nor ends inside of a word."""
    return not _joined(text, start, -1) and not _joined(text, end, 1)


def _joined(text: str, edge: int, step: int) -> bool:
    """Whether the character beyond an edge belongs to the word within it."""
    inner, outer = (edge, edge - 1) if step < 0 else (edge - 1, edge)
    if not 0 <= outer < len(text):
        return False
    within, beyond = text[inner], text[outer]
    if _KATAKANA.match(within) and _KATAKANA.match(beyond):
        return True
    if _UNSPACED.match(within) or _UNSPACED.match(beyond):
        return unicodedata.category(beyond).startswith("M") and step > 0
    if _of_word(beyond):
        return _of_word(within) or unicodedata.category(beyond).startswith("M")
    further = outer + step
    glued = beyond in _GLUE and 0 <= further < len(text) and _of_word(text[further])
    possessive = step > 0 and beyond in "'’" and re.match(r"s\b", text[further : further + 2]) is not None
    return glued and _of_word(within) and not possessive


def _of_word(character: str) -> bool:
    return character.isalnum() or character in "_\u200d" or unicodedata.category(character).startswith("M")

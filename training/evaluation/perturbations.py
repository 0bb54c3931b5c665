"""Small changes of a text that people's answers do not depend on, as a rule: each a function from a text to its edits.

Not textattack's: it brings flair, bert-score, language_tool and others, and downloads a sentence encoder or a masked
language model to choose and filter what it changes, for attacks that are as strong as can be. The question here is what
the usual noise of people's typing does, on a machine without a hub, in seconds; and edits have to keep the places of
spans, which its do not.

Labels are kept by construction, with exceptions that a reader has to know: case, punctuation or an emoji may be
what a question is about (sentiment, titles); a typo makes another word now and then; numbers and names may matter (a
rating with "5 stars" in it, a question about one person). Numbers stay of one shape, so that 10:30 does not become
99:99 but may become 47:81. Number words are English; in other languages `numbers as words` finds nothing to change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import NamedTuple

from labelwheel.training.evaluation.edits import Edit

LETTERS_A_TYPO = 25
"""One in so many letters, and at least one: about what people type who do not look back."""

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_WORD = re.compile(r"[^\W\d_]{2,}")
_LONG_WORD = re.compile(r"[^\W\d_]{4,}")
_DIGITS = re.compile(r"\d+")
_SPACE = re.compile(r"(?<=\S) (?=\S)")
_PUNCTUATION = re.compile(r"(?<=\w)[.,;:!?]+(?=\s|$)")
_NAME = re.compile(r"(?<=[^\W_.!?:] )[A-ZÀ-Þ][^\W\d_]+")
_COUNTED = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_COUNT = re.compile(rf"(?<![\w.,:/-])(?:{'|'.join(_COUNTED)}|1[0-2]|[1-9])(?![\w:/-]|[.,]\d)")
_EMOJI = ("📌", "📎", "🗓️")
_DISTRACTORS = ("Sent from my phone.", "That is all for now.", "More on this later.")


class Given(NamedTuple):
    """What a change may draw from: `names` of other texts by what they are; `mentions` of this one, where marked."""

    draw: Random
    names: Mapping[str, Sequence[str]]
    mentions: Sequence[tuple[int, int, str]] = ()


Perturbation = Callable[[str, Given], list[Edit]]


def neighbouring_keys(text: str, given: Given) -> list[Edit]:
    """A letter inside of a longer word becomes one beside it on the keyboard."""
    return [
        Edit(place, place + 1, _like(text[place], given.draw.choice(beside)))
        for place in _typing_places(text, given.draw)
        if (beside := _beside(text[place].lower()))
    ]


def swapped_letters(text: str, given: Given) -> list[Edit]:
    """Two letters inside of a longer word change places."""
    return [Edit(place, place + 2, text[place : place + 2][::-1]) for place in _typing_places(text, given.draw)]


def lower_case(text: str, given: Given) -> list[Edit]:
    """No capitals."""
    return [Edit(*found.span(), found[0].lower()) for found in _WORD.finditer(text)]


def upper_case(text: str, given: Given) -> list[Edit]:
    """Capitals only."""
    return [Edit(*found.span(), found[0].upper()) for found in _WORD.finditer(text)]


def no_punctuation(text: str, given: Given) -> list[Edit]:
    """None after words."""
    return [Edit(*found.span(), "") for found in _PUNCTUATION.finditer(text)]


def more_punctuation(text: str, given: Given) -> list[Edit]:
    """Dots at the end that wait for more."""
    end = len(text.rstrip())
    return [Edit(end, end, " ...")] if end else []


def white_space(text: str, given: Given) -> list[Edit]:
    """Some blanks are doubled, and some stand at both ends."""
    places = [found.start() for found in _SPACE.finditer(text) if given.draw.random() < 0.3]
    inside = [Edit(place, place, " ") for place in places]
    return [Edit(0, 0, "  "), *inside, Edit(len(text), len(text), "  ")] if text.strip() else []


def emoji(text: str, given: Given) -> list[Edit]:
    """One without a mood at the end."""
    return [Edit(len(text), len(text), f" {given.draw.choice(_EMOJI)}")] if text.strip() else []


def other_numbers(text: str, given: Given) -> list[Edit]:
    """Each number becomes another with as many digits, and a single year or price stays one number."""
    return [Edit(*found.span(), _number(found[0], given.draw)) for found in _DIGITS.finditer(text)]


def numbers_as_words(text: str, given: Given) -> list[Edit]:
    """Small numbers that stand alone are spelt out, and those that are spelt out become digits."""
    edits = []
    for found in _COUNT.finditer(text):
        word = found[0]
        other = str(_COUNTED.index(word) + 1) if word in _COUNTED else _COUNTED[int(word) - 1]
        edits.append(Edit(*found.span(), other))
    return edits


def other_names(text: str, given: Given) -> list[Edit]:
    """What is marked becomes what is marked so elsewhere; without marks, capitalised words become others."""
    places = given.mentions or [(*found.span(), "") for found in _NAME.finditer(text)]
    edits = []
    for start, end, label in places:
        others = [name for name in given.names.get(label, ()) if name != text[start:end]]
        if others:
            edits.append(Edit(start, end, given.draw.choice(others)))
    return edits


def distractor(text: str, given: Given) -> list[Edit]:
    """A sentence at the end that says nothing."""
    return [Edit(len(text), len(text), f" {given.draw.choice(_DISTRACTORS)}")] if text.strip() else []


ALL: Mapping[str, Perturbation] = {
    "neighbouring keys": neighbouring_keys,
    "swapped letters": swapped_letters,
    "lower case": lower_case,
    "upper case": upper_case,
    "no punctuation": no_punctuation,
    "more punctuation": more_punctuation,
    "white space": white_space,
    "an emoji": emoji,
    "other numbers": other_numbers,
    "numbers as words": numbers_as_words,
    "other names": other_names,
    "a distractor": distractor,
}

SMALL = (
    "neighbouring keys",
    "swapped letters",
    "no punctuation",
    "more punctuation",
    "white space",
    "an emoji",
    "a distractor",
)
"""Those that a search for a way to flip an answer may put upon each other: none of them names another thing."""


def names_in(text: str) -> list[str]:
    """Capitalised words that do not begin a sentence."""
    return [found[0] for found in _NAME.finditer(text)]


def _typing_places(text: str, draw: Random) -> list[int]:
    """Inner letters of longer words, each followed by another letter of its word."""
    places = [place for found in _LONG_WORD.finditer(text) for place in range(found.start() + 1, found.end() - 1)]
    count = max(1, sum(map(str.isalpha, text)) // LETTERS_A_TYPO)
    return sorted(draw.sample(places, min(count, len(places))))


def _beside(letter: str) -> str:
    for row in _ROWS:
        if (place := row.find(letter)) >= 0:
            return row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    return ""


def _like(pattern: str, letter: str) -> str:
    return letter.upper() if pattern.isupper() else letter


def _number(digits: str, draw: Random) -> str:
    first = str(draw.randint(1, 9)) if digits[0] != "0" else "0"
    return first + "".join(str(draw.randint(0, 9)) for _ in digits[1:])

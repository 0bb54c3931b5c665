"""The words of an example that may be left out, and the example without some of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import regex  # type: ignore[import-untyped]

from labelwheel.training.evaluation.edits import Edit, Edited, Rewritten
from labelwheel.training.heads import words as small_words
from labelwheel.training.questions import Example, Question

PLACEHOLDER = "x"
"""What stands for a word of a span that is left out: without a word there, there is nothing left to be marked."""

_WORD = regex.compile(r"[\p{L}\p{N}](?:\S*[\p{L}\p{N}\p{M}])?|[^\s\p{L}\p{N}]+")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


class Word(NamedTuple):
    """A word in one of an example's fields, as code points; `text` is what it says."""

    field: str
    start: int
    end: int
    text: str


def words(question: Question, example: Example) -> list[Word]:
    """The words that a question reads, in order, with what punctuation stands between them.

    In scripts without spaces between words each character is one.
    """
    found = []
    for name in question.inputs:
        text = example.fields.get(name, "")
        for match in _WORD.finditer(text):
            start, end = match.span()
            parts = [(start, end)]
            if _UNSPACED.search(match.group()):
                parts = [(start + low, start + high) for low, high in small_words.words(match.group())]
            found += [Word(name, low, high, text[low:high]) for low, high in parts]
    return found


def without(example: Example, gone: Iterable[Word], kept: Sequence[tuple[int, int]] = ()) -> Rewritten:
    """The example without some words. A word within a range of `kept` leaves a placeholder; of one field alone."""
    edits: dict[str, list[Edit]] = {name: [] for name in example.fields}
    for word in gone:
        text, start, end, put = example.fields[word.field], word.start, word.end, ""
        if any(low < end and start < high for low, high in kept):
            put = PLACEHOLDER
        elif text[end : end + 1] == " " and (start == 0 or text[start - 1].isspace()):
            end += 1
        edits[word.field].append(Edit(start, end, put))
    return Rewritten.of(example, {name: Edited.of(text, edits[name]) for name, text in example.fields.items()})


def phrases(found: Sequence[Word], count: int) -> list[list[int]]:
    """The words in order as at most `count` groups of nearly the same size, by their places."""
    count = min(count, len(found))
    edges = [round(number * len(found) / count) for number in range(count + 1)] if count else [0]
    return [list(range(low, high)) for low, high in pairwise(edges)]

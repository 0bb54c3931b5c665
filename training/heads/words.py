"""The words of a text as ranges of code points, and what tokens say put together for each word.

A word is a run of letters, or of digits; whatever else is visible stands by itself, an emoji with all its joiners. In
scripts without spaces between words each character does, since no rule finds their words. Words are small on purpose:
`e-mail` is three of them, and what people only ever draw around all three the kind's habits keep whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import regex  # type: ignore[import-untyped]
from scipy import sparse

from labelwheel.training.kinds import span_windows
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.span_edges import LETTER, bare

Range = tuple[int, int]

_JOINERS = "[\u00ad\u200b\u200c\u200d]"
_LETTERS = rf"{LETTER}[{LETTER}\p{{M}}]*"  # a mark of whatever script belongs to the letter before it
_WORD = regex.compile(rf"(?V1){_LETTERS}(?:{_JOINERS}+{_LETTERS})*|\p{{N}}+\p{{M}}*|\X")


def words(text: str) -> list[Range]:
    """The words of a text, in order, none of them empty; white space and what nobody sees is in none."""
    found = (bare(text, *match.span()) for match in _WORD.finditer(text))
    return [(start, end) for start, end in found if start < end]


def merged(
    examples: int, encodings: Sequence[Encoding], values: Sequence[np.ndarray]
) -> list[tuple[Sequence[Range], np.ndarray] | None]:
    """Each example's tokens and their values, its windows put together; None where it has none."""
    found: list[tuple[Sequence[Range], np.ndarray] | None] = [None] * examples
    rows = zip(encodings, values, strict=True)
    for number, windows in groupby(rows, key=lambda row: row[0].example):
        found[number] = span_windows.merge([(row.offsets or (), said) for row, said in windows])
    return found


def pooled(
    places: Sequence[Sequence[Range]], tokens: Sequence[tuple[Sequence[Range], np.ndarray] | None], width: int
) -> np.ndarray:
    """What the tokens that share a character with a word say in the mean, (words of all texts, width); 0 without any.

    `places` are the words of each text, `tokens` its tokens with their values, (tokens, width).
    """
    rows, columns, said = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros((0, width), np.float32)]
    word, token = 0, 0
    for ranges, row in zip(places, tokens, strict=True):
        if row is not None and len(ranges) and len(row[0]):
            starts, ends = np.asarray(ranges).T
            lows, highs = np.asarray(row[0]).T
            first = np.searchsorted(ends, lows, side="right")  # the first word that ends behind the token's start
            count = np.maximum(np.searchsorted(starts, highs, side="left") - first, 0)
            inner = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            rows.append(word + np.repeat(first, count) + inner)
            columns.append(token + np.repeat(np.arange(len(lows)), count))
            said.append(row[1])
            token += len(row[0])
        word += len(ranges)
    place, column = np.concatenate(rows), np.concatenate(columns)
    share = 1.0 / np.maximum(np.bincount(place, minlength=word), 1)
    mean = sparse.csr_matrix((share[place], (place, column)), shape=(word, token)) @ np.concatenate(said)
    return np.asarray(mean, dtype=np.float32).reshape(word, width)

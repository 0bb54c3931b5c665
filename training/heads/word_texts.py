"""Texts as a head for spans reads them: their words, with what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from labelwheel.training.heads import word_shapes
from labelwheel.training.heads.words import Range, merged, pooled, words
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Example, Question


@dataclass(frozen=True, slots=True)
class WordTexts:
    """The texts of some examples, one by one, and their words."""

    texts: Sequence[str]
    ranges: Sequence[Sequence[Range]]

    @classmethod
    def of(cls, question: Question, examples: Sequence[Example]) -> WordTexts:
        """As the question reads them."""
        texts = [question.text(example) for example in examples]
        return cls(texts, [words(text) for text in texts])

    @property
    def lengths(self) -> list[int]:
        """How many words each has."""
        return [len(ranges) for ranges in self.ranges]

    @property
    def folded(self) -> list[list[str]]:
        """The words themselves, in small letters."""
        pairs = zip(self.texts, self.ranges, strict=True)
        return [[text[start:end].casefold() for start, end in ranges] for text, ranges in pairs]

    def encodings(self) -> list[Encoding]:
        """Each text that has words as a row whose tokens they are, for the kind's own rules."""
        rows = enumerate(self.ranges)
        return [Encoding(example=number, input_ids=(), offsets=ranges) for number, ranges in rows if ranges]

    def parted(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows of the words of all texts, (words, …), as those of each text."""
        return np.split(rows, np.cumsum(self.lengths)[:-1]) if self.texts else []

    def attributes(self) -> list[list[list[str]]]:
        """What can be said of each word of each text by itself."""
        return [word_shapes.attributes(*pair) for pair in zip(self.texts, self.ranges, strict=True)]

    def pooled(self, encodings: Sequence[Encoding], values: Sequence[np.ndarray], width: int) -> np.ndarray:
        """What tokens say, for each word, (words of all texts, width)."""
        return pooled(self.ranges, merged(len(self.texts), encodings, values), width)


def matrix(rows: Mapping[str, int], words: Iterable[Iterable[str]]) -> sparse.csr_matrix:
    """Which of the known attributes each word has, (words, attributes)."""
    columns, ends = list[int](), [0]
    for word in words:
        columns += [row for name in word if (row := rows.get(name)) is not None]
        ends.append(len(columns))
    return sparse.csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(ends) - 1, len(rows)))

"""Labelled examples as a head for spans learns from them: words with their tags, and with all that is known of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from labelwheel.training.heads import chain_fit, gazetteer, span_manner, word_shapes
from labelwheel.training.heads.chain import log_marginals
from labelwheel.training.heads.chain_fit import Weights
from labelwheel.training.heads.projection import with_neighbours
from labelwheel.training.heads.span_answers import OUTSIDE
from labelwheel.training.heads.span_head import SpanHead
from labelwheel.training.heads.span_manner import Told
from labelwheel.training.heads.word_texts import WordTexts, matrix
from labelwheel.training.heads.words import Range
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Answer, Example, Question

_TELLING = 20
"""Of fewer examples nothing is told: all are asked then, whoever has learnt them. Scores of spans, of heads on encoders
that were tuned for 120 of 150 texts of ncbi_disease, btc and snips, were off by .115, .206 and .094 on other texts as
long as all told, and are so by .055, .050 and .039 where the other 30 do (expected calibration error)."""


class SpanMaterial:
    """`folds` (examples,) says what is measured together; `values` are the numbers of tokens, `width` of each.

    Attributes count that `least` words have.
    """

    def __init__(
        self,
        question: Question,
        examples: Sequence[Example],
        answers: Sequence[Answer],
        folds: np.ndarray,
        encodings: Sequence[Encoding],
        values: Sequence[np.ndarray],
        width: int,
        least: int,
        pull: float = 1.0,
    ) -> None:
        self._question, self.examples, self._answers, self._kind = question, examples, answers, kind_of(question)
        self._pull = pull
        self.folds, self.texts = folds, WordTexts.of(question, examples)
        self._lengths = np.asarray(self.texts.lengths, dtype=int)
        said = span_manner.marked(question, examples, answers, self.texts)
        used, names = set(said) - {OUTSIDE}, self._kind.config(question)["id2label"].values()
        self.tags = (OUTSIDE, *(name for name in names if name in used))
        place = {tag: number for number, tag in enumerate(self.tags)}
        self.wanted = np.array([place[tag] for tag in said], dtype=int)
        marked = [
            gazetteer.marked(words, [self.tags[number] for number in row.tolist()])
            for words, row in zip(self.texts.folded, self.texts.parted(self.wanted), strict=True)
        ]
        self.book, parts = gazetteer.out_of_fold(marked, folds.tolist())
        words = self._described([parts[fold] for fold in folds.tolist()])
        counts = Counter(name for word in words for name in word)
        self.rows = {name: row for row, name in enumerate(name for name, times in counts.items() if times >= least)}
        self._attributes = matrix(self.rows, words)
        self._numbers = with_neighbours(self.texts.pooled(encodings, values, width), self.texts.lengths)

    def words(self, chosen: np.ndarray) -> np.ndarray:
        """Which words are of the chosen examples, (words,)."""
        return np.repeat(chosen, self._lengths)

    def learnt(
        self, chosen: np.ndarray, iterations: int, start: Weights | None = None, seconds: float | None = None
    ) -> Weights:
        """Weights from the chosen examples; see `chain_fit.fit`."""
        inside = self.words(chosen)
        return chain_fit.fit(
            self._attributes[inside], self._numbers[inside], self.wanted[inside], self._lengths[chosen].tolist(),
            self.tags, iterations, start, seconds, self._pull,
        )  # fmt: skip

    def said(self, chosen: np.ndarray, weights: Weights) -> np.ndarray:
        """The log probability of each tag of the chosen examples' words, (words, tags)."""
        inside = self.words(chosen)
        scores = weights.scores(self._attributes[inside], self._numbers[inside])
        return log_marginals(self._lengths[chosen].tolist(), scores, weights.moves)

    def known(self, head: SpanHead) -> Weights:
        """A head's weights for the tags and attributes that there are here; nothing where it has none."""
        old = {tag: number for number, tag in enumerate(head.tags)}
        here = [number for number, tag in enumerate(self.tags) if tag in old]
        there = [old[self.tags[number]] for number in here]
        shared = [(row, head.rows[name]) for name, row in self.rows.items() if name in head.rows]
        attributes = np.zeros((len(self.rows), len(self.tags)))
        numbers = np.zeros((self._numbers.shape[1], len(self.tags)))
        moves = np.zeros((len(self.tags), len(self.tags)))
        if shared:
            own, others = (list(places) for places in zip(*shared, strict=True))
            attributes[np.ix_(own, here)] = head.weights.attributes[np.ix_(others, there)]
        numbers[:, here] = head.weights.numbers[:, there]
        moves[np.ix_(here, here)] = head.weights.moves[np.ix_(there, there)]
        return Weights(attributes, numbers, moves)

    def habits(self) -> dict[str, float]:
        """How people draw edges here."""
        return self._kind.habits(self._question, self.examples, self._answers)

    def told(self, logs: np.ndarray, unseen: np.ndarray | None = None) -> Told:
        """How to answer, from log probabilities that are out of fold, and what is answered so.

        An encoder that has learnt labels itself is surer of them than of others: only the `unseen` examples tell then.
        """
        known = self._question, self.examples, self._answers, self.texts, self.wanted, logs, self.tags
        if unseen is None:
            return span_manner.learn(*known)
        if int(unseen.sum()) < _TELLING:
            return span_manner.learn(*known, shy=False)
        inside, chosen = self.words(unseen), np.flatnonzero(unseen).tolist()
        examples, answers = [self.examples[place] for place in chosen], [self._answers[place] for place in chosen]
        texts = WordTexts([self.texts.texts[place] for place in chosen], [self.texts.ranges[place] for place in chosen])
        part = span_manner.learn(
            self._question, examples, answers, texts, self.wanted[inside], logs[inside], self.tags, shy=False
        )
        return span_manner.told(
            self._question, self.examples, self.texts, logs, self.tags, part.manner._replace(habits=self.habits())
        )

    def _described(self, books: Sequence[gazetteer.Gazetteer]) -> list[list[str]]:
        """The attributes of all words; what was marked before, each text reads in a book of its own."""
        before = (book.attributes(words) for book, words in zip(books, self.texts.folded, strict=True))
        known = (_attributes(*pair) for pair in zip(self.texts.texts, map(tuple, self.texts.ranges), strict=True))
        return [
            [*word, *more]
            for text, add in zip(known, before, strict=True)
            for word, more in zip(text, add, strict=True)
        ]


@lru_cache(maxsize=1024)  # the next label's fit reads the same texts
def _attributes(text: str, ranges: Sequence[Range]) -> list[list[str]]:
    return word_shapes.attributes(text, ranges)

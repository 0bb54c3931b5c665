"""Fitting a head for spans, and what it answers out of fold, in a second or two for some hundred texts.

The work grows with words and with tags. Where it is more than `MOST_WORK`, a random part of the texts is learnt from
(always the same one for the same texts), so that a fit takes no longer with thousands of labels than with hundreds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.heads import chain_fit, gazetteer, projection
from labelwheel.training.heads.chain import log_marginals
from labelwheel.training.heads.chain_fit import Weights
from labelwheel.training.heads.projection import with_neighbours
from labelwheel.training.heads.span_answers import OUTSIDE, Manner, answered, best_lean
from labelwheel.training.heads.span_head import SpanHead
from labelwheel.training.heads.word_texts import WordTexts, matrix
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.questions import Answer, Example, Prediction, Question

MOST_WORK = 150_000
"""Words × (tags + `_BESIDE`): 300 texts of 30 words with 3 labels, or 170 of 10 words with 39."""

_BESIDE = 10  # what a word costs whatever the tags
_ITERATIONS, _FOLD_ITERATIONS = 50, 35
_FEW = 60  # texts: up to so many each counts
_FOLDS, _FOLDS_OF_MANY = 5, 3
_LEAST_WORDS = 2  # of many texts' words that have an attribute; what only one has says little, and most are such
_LEAST_WEIGHT = 0.01
_MOST_WEIGHTS = 1_000_000  # of attributes in the head: 4 MB


class Fitted(NamedTuple):
    """A head, and what it answers to the examples at `places` when it has not learnt from them."""

    head: SpanHead
    places: list[int]
    out_of_fold: list[Prediction]


def fit(
    question: Question,
    examples: Sequence[Example],
    answers: Sequence[Answer],
    features: Sequence[np.ndarray],
    encodings: Sequence[Encoding],
    unlabelled: Sequence[np.ndarray] = (),
    groups: Sequence[str] | None = None,
    before: SpanHead | None = None,
    seed: int = 0,
) -> Fitted:
    """A head from labelled examples; `features[i]`, (tokens, width), belongs to `encodings[i]`; the width may be 0.

    `unlabelled` are features of other texts, for what is usual here. Examples of one of `groups` are in one fold.
    `before` is a head on features of the same encoder: its components are taken over, which saves time.
    """
    places = _affordable(question, examples, seed)
    material = _Material(question, [examples[place] for place in places], [answers[place] for place in places])
    own = {place: number for number, place in enumerate(places)}
    pairs = [
        (Encoding(own[row.example], row.input_ids, row.side, row.offsets), said)
        for row, said in zip(encodings, features, strict=True)
        if row.example in own
    ]
    rows = [row for row, _ in pairs]
    seen = np.concatenate([*(said for _, said in pairs), *unlabelled, np.zeros((0, _width(features)), np.float32)])
    found = before.projection if before is not None and before.projection.serves(seen) else projection.learn(seen, seed)
    said = material.texts.pooled(rows, [found(said) for _, said in pairs], found.components.shape[1])
    numbers = with_neighbours(said, material.texts.lengths)

    folds = _folds(len(places), [groups[place] for place in places] if groups else None, seed)
    book, parts = gazetteer.out_of_fold(material.marked, folds.tolist())
    words = material.described([parts[fold] for fold in folds])
    counts = Counter(name for word in words for name in word)
    least = _LEAST_WORDS if len(places) > _FEW else 1
    met = (name for name, times in counts.items() if times >= least)
    rows_of = {name: row for row, name in enumerate(met)}
    attributes = matrix(rows_of, words)
    logs = np.zeros((len(words), len(material.tags)))
    fold_of = np.repeat(folds, material.texts.lengths)
    for fold in sorted(set(folds)):
        inside, sizes = fold_of == fold, np.asarray(material.texts.lengths)
        there, others = sizes[folds == fold].tolist(), sizes[folds != fold].tolist()
        weights = chain_fit.fit(
            attributes[~inside], numbers[~inside], material.wanted[~inside], others, material.tags, _FOLD_ITERATIONS
        )
        scores = weights.scores(attributes[inside], numbers[inside])
        logs[inside] = log_marginals(there, scores, weights.moves)
    lengths = material.texts.lengths
    weights = chain_fit.fit(attributes, numbers, material.wanted, lengths, material.tags, _ITERATIONS)
    manner = material.manner(logs)
    rows_of, weights = _pruned(rows_of, weights)
    head = SpanHead(material.tags, rows_of, weights, found, book, manner)
    told = answered(question, material.examples, material.texts, logs, material.tags, manner)
    return Fitted(head, places, told)


class _Material:
    """Labelled examples as words with their tags."""

    def __init__(self, question: Question, examples: Sequence[Example], answers: Sequence[Answer]) -> None:
        self._question, self.examples, self._answers, self._kind = question, examples, answers, kind_of(question)
        self.texts = WordTexts.of(question, examples)
        names = self._kind.config(question)["id2label"]
        rows = self._kind.targets(question, examples, answers, self.texts.encodings(), names)
        said = [names[number] for row in rows for number in row.tolist()]
        used = set(said) - {OUTSIDE}
        self.tags = (OUTSIDE, *(name for name in names.values() if name in used))
        place = {tag: number for number, tag in enumerate(self.tags)}
        self.wanted = np.array([place[tag] for tag in said], dtype=int)
        self.marked = [
            gazetteer.marked(words, [self.tags[number] for number in row.tolist()])
            for words, row in zip(self.texts.folded, self.texts.parted(self.wanted), strict=True)
        ]

    def described(self, books: Sequence[gazetteer.Gazetteer]) -> list[list[str]]:
        """The attributes of all words; what was marked before, each text reads in a book of its own."""
        before = (book.attributes(words) for book, words in zip(books, self.texts.folded, strict=True))
        return [
            [*word, *more]
            for text, add in zip(self.texts.attributes(), before, strict=True)
            for word, more in zip(text, add, strict=True)
        ]

    def manner(self, logs: np.ndarray) -> Manner:
        """How to answer from log probabilities that are out of fold."""
        habits = self._kind.habits(self._question, self.examples, self._answers)
        if len(self.tags) < 2 or not len(logs):
            return Manner(habits)
        temperature = self._kind.calibrate(logs, self.wanted, 1.0)[TEMPERATURE]
        return Manner(habits, temperature, best_lean(logs / temperature, self.wanted, self.texts.lengths, self.tags))


def _affordable(question: Question, examples: Sequence[Example], seed: int) -> list[int]:
    """Which examples are learnt from, in order: those with a text, as many as the work allows."""
    order = np.random.default_rng(seed).permutation(len(examples)).tolist()
    kept, work = list[int](), 0
    for place in order:
        # words are counted only where they are learnt from: a tenth as many as characters is too few, a half too many
        work += max(1, len(question.text(examples[place])) // 5) * (2 * len(question.values) + 1 + _BESIDE)
        if work > MOST_WORK and kept:
            break
        kept.append(place)
    return sorted(kept)


def _folds(count: int, groups: Sequence[str] | None, seed: int) -> np.ndarray:
    """A fold for each example."""
    names = list(groups) if groups else [str(number) for number in range(count)]
    order = np.random.default_rng(seed).permutation(sorted(set(names))).tolist()
    parts = min(_FOLDS if count <= _FEW else _FOLDS_OF_MANY, len(order))
    fold = {name: number % max(parts, 1) for number, name in enumerate(order)}
    return np.array([fold[name] for name in names], dtype=int)


def _width(features: Sequence[np.ndarray]) -> int:
    return features[0].shape[1] if len(features) else 0


def _pruned(rows: dict[str, int], weights: Weights) -> tuple[dict[str, int], Weights]:
    """Without the attributes that say least."""
    most = max(1, _MOST_WEIGHTS // max(1, len(weights.moves)))
    size = np.abs(weights.attributes).max(axis=1, initial=0.0)
    kept = np.argsort(-size, kind="stable")[:most]
    kept = np.sort(kept[size[kept] >= _LEAST_WEIGHT])
    names = list(rows)
    return {names[row]: place for place, row in enumerate(kept)}, weights._replace(attributes=weights.attributes[kept])

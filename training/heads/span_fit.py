"""Fitting a head for spans, and what it answers out of fold, in a second or two for some hundred texts.

The work grows with words and with tags. Where it is more than `MOST_WORK`, a part of the texts is learnt from, so that
a fit takes no longer with thousands of labels than with hundreds. What a label costs is `follow`: the search goes on
where the last one ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from labelwheel.training.heads import projection
from labelwheel.training.heads.chain_fit import Weights
from labelwheel.training.heads.projection import Projection
from labelwheel.training.heads.span_answers import Manner
from labelwheel.training.heads.span_head import SpanHead
from labelwheel.training.heads.span_material import SpanMaterial
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Answer, Example, Prediction, Question

MOST_WORK = 150_000
"""Words × (tags + `_BESIDE`): 300 texts of 30 words with 3 labels, or 170 of 10 words with 39."""

_BESIDE = 10  # what a word costs whatever the tags
_ITERATIONS = 50
_FEW = 60  # texts: up to so many each counts
_FOLDS, _FOLDS_OF_MANY = 5, 3
_LEAST_WORDS = 2  # of many texts' words that have an attribute; what only one has says little, and most are such
_LEAST_WEIGHT = 0.01
_MOST_WEIGHTS = 1_000_000  # of attributes in the head: 4 MB


class Fitted(NamedTuple):
    """A head, and what it answers to the examples at `places` when it has not learnt from them.

    `logs` has the log probability of each tag for each of their words then, (words, tags), as sure as it should be.
    """

    head: SpanHead
    places: list[int]
    out_of_fold: list[Prediction]
    logs: Sequence[np.ndarray] = ()


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
    most: float | None = None,
    pull: float = 1.0,
    unseen: Sequence[bool] | None = None,
) -> Fitted:
    """A head from labelled examples; `features[i]`, (tokens, width), belongs to `encodings[i]`; the width may be 0.

    `unlabelled` are features of other texts, for what is usual here. Examples of one of `groups` are in one fold.
    `before` is a head on features of the same encoder: its components are taken over, which saves time. `most` is
    what the work may be instead of `MOST_WORK`; weights are held back by `pull` times as much as is usual. Where the
    encoder has learnt labels itself, `unseen` says whose it has not: by these the head tells how sure it is.
    """
    places = affordable(question, examples, seed, most)
    rows, kept = _of(places, encodings, features)
    seen = np.concatenate([*kept, *unlabelled, np.zeros((0, _width(features)), np.float32)])
    found = before.projection if before is not None and before.projection.serves(seen) else projection.learn(seen, seed)
    values = [found(said) for said in kept]
    width = found.components.shape[1]
    material = _material(question, places, examples, answers, rows, values, width, groups, seed, pull)
    logs = np.zeros((len(material.wanted), len(material.tags)))
    for fold in sorted(set(material.folds.tolist())):
        weights = material.learnt(material.folds != fold, _ITERATIONS)
        logs[material.words(material.folds == fold)] = material.said(material.folds == fold, weights)
    weights = material.learnt(np.ones(len(places), dtype=bool), _ITERATIONS)
    told = material.told(logs, None if unseen is None else np.array([unseen[place] for place in places]))
    return Fitted(_head(material, weights, found, told.manner), places, told.answers, told.logs)


def settled(
    question: Question,
    examples: Sequence[Example],
    answers: Sequence[Answer],
    features: Sequence[np.ndarray],
    encodings: Sequence[Encoding],
    groups: Sequence[str] | None = None,
    seed: int = 0,
    pull: float = 1.0,
) -> tuple[SpanHead, list[int]]:
    """A head, and the examples that it has learnt from, on features that have learnt the same labels before.

    Nothing can be told out of fold then: how sure and how shy it is has to be learnt elsewhere.
    """
    places = affordable(question, examples, seed)
    rows, kept = _of(places, encodings, features)
    found = projection.learn(np.concatenate(kept), seed)
    values, width = [found(said) for said in kept], found.components.shape[1]
    material = _material(question, places, examples, answers, rows, values, width, groups, seed, pull)
    weights = material.learnt(np.ones(len(places), dtype=bool), _ITERATIONS)
    return _head(material, weights, found, Manner(material.habits())), places


def follow(
    question: Question,
    examples: Sequence[Example],
    answers: Sequence[Answer],
    values: Sequence[np.ndarray],
    encodings: Sequence[Encoding],
    before: SpanHead,
    seconds: float,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> SpanHead:
    """The head of `before` with the labels of this moment, as sure and as shy as that one: what a label costs.

    `values` are what `before` makes of the features of `encodings`. The search takes at most about so many seconds.
    """
    places = affordable(question, examples, seed)
    rows, kept = _of(places, encodings, values)
    width = before.projection.components.shape[1]
    material = _material(question, places, examples, answers, rows, kept, width, groups, seed)
    everything = np.ones(len(places), dtype=bool)
    weights = material.learnt(everything, _ITERATIONS, material.known(before), seconds)
    return _head(material, weights, before.projection, before.manner._replace(habits=material.habits()))


def affordable(question: Question, examples: Sequence[Example], seed: int = 0, most: float | None = None) -> list[int]:
    """Which examples are learnt from, in order, as many as the work allows; the newest are expected last.

    Half of it is for the newest, so that each label counts at once; the other half is for any, always the same ones.
    """
    most, newest = MOST_WORK if most is None else most, range(len(examples) - 1, -1, -1)
    by_lot = sorted(newest, key=lambda place: hashlib.sha256(f"{seed} {examples[place].key}".encode()).digest())
    kept, work = dict[int, None](), 0
    for order, room in ((newest, most / 2), (by_lot, most)):
        for place in order:
            if place in kept:
                continue
            own = expected_work(question, examples[place])
            if work + own > room and kept:
                break
            kept[place] = None
            work += own
    return sorted(kept)


def expected_work(question: Question, example: Example) -> int:
    """What it takes to learn from an example, before its words are counted: they are about five characters long."""
    # words are counted only where they are learnt from: a tenth of characters is too few, a half too many
    return max(1, len(question.text(example)) // 5) * (2 * len(question.values) + 1 + _BESIDE)


def folds(count: int) -> int:
    """In how many parts so many examples are told out of fold."""
    return _FOLDS if count <= _FEW else _FOLDS_OF_MANY


def _material(
    question: Question,
    places: Sequence[int],
    examples: Sequence[Example],
    answers: Sequence[Answer],
    rows: Sequence[Encoding],
    values: Sequence[np.ndarray],
    width: int,
    groups: Sequence[str] | None,
    seed: int,
    pull: float = 1.0,
) -> SpanMaterial:
    folds = _folds(len(places), [groups[place] for place in places] if groups else None, seed)
    least = _LEAST_WORDS if len(places) > _FEW else 1
    taken = [examples[place] for place in places], [answers[place] for place in places]
    return SpanMaterial(question, *taken, folds, rows, values, width, least, pull)


def _of(
    places: Sequence[int], encodings: Sequence[Encoding], values: Sequence[np.ndarray]
) -> tuple[list[Encoding], list[np.ndarray]]:
    """The rows of the examples at `places`, numbered as those are."""
    own = {place: number for number, place in enumerate(places)}
    pairs = [(row, said) for row, said in zip(encodings, values, strict=True) if row.example in own]
    return [replace(row, example=own[row.example]) for row, _ in pairs], [said for _, said in pairs]


def _head(material: SpanMaterial, weights: Weights, found: Projection, manner: Manner) -> SpanHead:
    rows, weights = _pruned(material.rows, weights)
    return SpanHead(material.tags, rows, weights, found, material.book, manner)


def _folds(count: int, groups: Sequence[str] | None, seed: int) -> np.ndarray:
    """A fold for each example."""
    names = list(groups) if groups else [str(number) for number in range(count)]
    order = np.random.default_rng(seed).permutation(sorted(set(names))).tolist()
    parts = min(folds(count), len(order))
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

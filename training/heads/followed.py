"""What fast heads make of a champion and the labels of a round: a challenger has to be better than that, too.

A regression that beats the label names, and not the head that learns from the same labels in a second, would make
suggestions worse, or keep better ones away. So the job fits such a head itself, on the champion's encoder, and has it
answer what it has not learnt from.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from labelwheel.training import encoders, layers
from labelwheel.training.heads import span_fit
from labelwheel.training.heads.bench import MOST, Bench, labels_of
from labelwheel.training.heads.fitting import measure, unseen
from labelwheel.training.heads.seen import Seen, Unlabelled
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import UNTRAINED, Standing
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.model import Model, last_layer, pad_token
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import label_names

logger = logging.getLogger(__name__)

SECONDS = 20.0

GUESSED = 500
"""So many texts without a label are read: each takes a pass through the encoder."""


def answers(
    champion: Model, question: Question, rows: Sequence[LabelledExample], unlabelled: Sequence[Example] = ()
) -> dict[str, Prediction]:
    """What a head on a champion says of examples that it has not learnt from, by their keys.

    Of those to train on it is told out of fold, of those held out by a head on all others. Empty where no head can
    stand on that champion. A head of whole texts is taught by its guesses on `unlabelled` ones, too.
    """
    learnt = [row for row in rows if row.part is Part.TRAIN][-MOST:]
    held = [row for row in rows if row.part is Part.HELD_OUT]
    if not learnt:
        return {}
    if champion.kind.row is Row.TOKEN:
        return _spans(champion, question, learnt, held)
    return _texts(champion, question, learnt, held, unlabelled[:GUESSED] if champion.kind.row is Row.TEXT else ())


def _texts(
    champion: Model,
    question: Question,
    learnt: Sequence[LabelledExample],
    held: Sequence[LabelledExample],
    unlabelled: Sequence[Example],
) -> dict[str, Prediction]:
    rows = [*learnt, *held]
    found = _read(champion, question, [*(row.example for row in rows), *unlabelled])
    if found is None:
        return {}
    width, encodings, features = found
    labelled, loose = list[tuple[LabelledExample, np.ndarray]](), list[np.ndarray]()
    for place, sides in groupby(zip(encodings, features, strict=True), key=lambda pair: pair[0].example):
        read = np.stack([row for _, row in sides])
        if place >= len(rows):
            loose.append(read)
        elif len(read) == champion.kind.sides:
            labelled.append((rows[place], read))
    outputs = last_layer(champion.module, [read for _, read in labelled])
    seen = [Seen(row, read, said) for (row, read), said in zip(labelled, outputs, strict=True)]
    taken, kept = ([one for one in seen if one.row.part is part] for part in (Part.TRAIN, Part.HELD_OUT))
    if not taken:
        return {}
    space = Space.of(np.concatenate([*(one.features for one in seen), *loose]), width)
    standing, free = _standing(champion, question, width), None
    if loose:
        whole = np.concatenate(loose)
        logits = last_layer(champion.module, [whole])[0]
        free = Unlabelled(space.rows(whole), standing.prior(champion.kind, whole, logits, labels_of(question)))
    bench = Bench(question, standing, space, taken, free)
    fitted = measure(bench, SECONDS)
    said = {one.row.example.key: answer for one, answer in zip(bench.seen, fitted.out_of_fold, strict=True)}
    return said | {one.row.example.key: answer for one, answer in zip(kept, unseen(fitted, bench, kept), strict=True)}


def _spans(
    champion: Model, question: Question, learnt: Sequence[LabelledExample], held: Sequence[LabelledExample]
) -> dict[str, Prediction]:
    # each token has thousands of numbers: none is read that a head would not learn from
    learnt = [learnt[place] for place in span_fit.affordable(question, [row.example for row in learnt])]
    found = _read(champion, question, [row.example for row in (*learnt, *held)])
    if found is None:
        return {}
    width, encodings, features = found
    pairs = [(one, row[:, width:]) for one, row in zip(encodings, features, strict=True)]
    train = [(one, row) for one, row in pairs if one.example < len(learnt)]
    fitted = span_fit.fit(
        question,
        [row.example for row in learnt],
        [row.answer for row in learnt],
        [row for _, row in train],
        [one for one, _ in train],
        groups=[row.group for row in learnt],
    )
    told = {learnt[place].example.key: said for place, said in zip(fitted.places, fitted.out_of_fold, strict=True)}
    apart = [(replace(one, example=one.example - len(learnt)), row) for one, row in pairs if one.example >= len(learnt)]
    values = fitted.head.values([row for _, row in apart], [])
    said = fitted.head.decode(question, [row.example for row in held], [one for one, _ in apart], values)
    return told | {row.example.key: one for row, one in zip(held, said, strict=True)}


def _read(
    champion: Model, question: Question, examples: Sequence[Example]
) -> tuple[int, list[Encoding], list[np.ndarray]] | None:
    """How much the champion's head reads of each row, the rows, and what the layers say of them."""
    encodings = list(champion.kind.encode(question, examples, champion.tokenizer, champion.manifest.max_length))
    features = layers.read(champion.module, encodings, pad_token(champion.tokenizer))
    if features is None:
        logger.info("no head can stand on %s: it keeps its layers to itself", champion.manifest.version)
        return None
    width = encoders.head(champion.module).in_features
    return width, encodings, [row.astype(np.float16) for row in features]  # as they come out of serving


def _standing(champion: Model, question: Question, width: int) -> Standing:
    names = None
    if champion.manifest.recipe in UNTRAINED:
        placed = label_names.directions(question, champion.module, champion.tokenizer, champion.manifest.max_length)
        names = None if placed is None else placed[0].astype(np.float32)
    return Standing(tuple(champion.id2label.values()), champion.manifest.calibration, width, names)

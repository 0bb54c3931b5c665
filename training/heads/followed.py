"""What fast heads make of a champion and the labels of a round: a challenger has to be better than that, too.

A regression that beats the label names, and not the head that learns from the same labels in a second, would make
suggestions worse, or keep better ones away. So the job fits such a head itself, on the champion's encoder, and has it
answer what it has not learnt from. By the same features it draws what such heads are worth after fewer labels.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import numpy as np

from labelwheel.training import encoders, layers
from labelwheel.training.evaluation.findings import CurvePoint
from labelwheel.training.heads import learning_curve, span_fit
from labelwheel.training.heads.bench import MOST, Bench, labels_of
from labelwheel.training.heads.fitting import Fitted, measure, unseen
from labelwheel.training.heads.seen import Seen, Unlabelled
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.span_head import SpanHead
from labelwheel.training.heads.standing import UNTRAINED, Standing
from labelwheel.training.kinds.base import Encoding, Row
from labelwheel.training.model import Model, last_layer, pad_token
from labelwheel.training.questions import Example, Prediction, Question
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.strategies import label_names

logger = logging.getLogger(__name__)

SECONDS = 20.0

PARTS = 10
"""Of these, heads learn from all but one: nine labels in ten are nearly as good as all, and cost ten fits."""

GUESSED = 500
"""So many texts without a label are read: each takes a pass through the encoder."""


class Followed(NamedTuple):
    """What heads say of examples that they have not learnt from, by their keys, and what they are worth after fewer
    labels: nothing where the champion has learnt from these labels itself.
    """

    answers: dict[str, Prediction]
    curve: Sequence[CurvePoint] = ()


NOBODY = Followed({})


def follow(
    champion: Model,
    question: Question,
    rows: Sequence[LabelledExample],
    unlabelled: Sequence[Example] = (),
    hide_below: float = 0.0,
) -> Followed:
    """Heads on a champion; the curve is of answers that are at least as sure as `hide_below`.

    They learn from what is held out, too, as those do that people are served: so all is told out of fold, of so many
    parts that heads know nearly as much. Nothing is said of what is set apart. `NOBODY` where no head can stand on
    that champion, or nothing is there to train on. Heads of whole texts are taught by their guesses on `unlabelled`
    ones, too.
    """
    rows = [row for row in rows if row.part is not Part.APART]
    if not any(row.part is Part.TRAIN for row in rows):
        return NOBODY
    if champion.kind.row is Row.TOKEN:
        return _spans(champion, question, rows, hide_below)
    # a text is read where a head learns from it, or is compared on it
    rows = [*(row for row in rows[:-MOST] if row.part is Part.HELD_OUT), *rows[-MOST:]]
    loose = unlabelled[:GUESSED] if champion.kind.row is Row.TEXT else ()
    return _texts(champion, question, rows, loose, hide_below)


def _texts(
    champion: Model,
    question: Question,
    rows: Sequence[LabelledExample],
    unlabelled: Sequence[Example],
    hide_below: float,
) -> Followed:
    found = _read(champion, question, [*(row.example for row in rows), *unlabelled])
    if found is None:
        return NOBODY
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
    if not seen:
        return NOBODY
    space = Space.of(np.concatenate([*(one.features for one in seen), *loose]), width)
    standing, free = _standing(champion, question, width), None
    if loose:
        whole = np.concatenate(loose)
        logits = last_layer(champion.module, [whole])[0]
        free = Unlabelled(space.rows(whole), standing.prior(champion.kind, whole, logits, labels_of(question)))
    bench = Bench(question, standing, space, seen, free)
    fitted = measure(bench, SECONDS, PARTS)
    # of more than a head learns from, it is the first that it has not learnt
    rest = seen[: len(seen) - len(bench.seen)]
    told = zip([*bench.seen, *rest], [*fitted.out_of_fold, *unseen(fitted, bench, rest)], strict=True)
    answers = {one.row.example.key: answer for one, answer in told}
    if standing.names is None:  # what is known before is the champion's word, which it has from these labels
        return Followed(answers)
    return Followed(answers, curve(bench, fitted, hide_below))


def curve(bench: Bench, fitted: Fitted, hide_below: float = 0.0) -> list[CurvePoint]:
    """Of heads of whole texts on the label names; `fitted` was measured in `PARTS`."""

    def answer(learn: list[int], others: list[int]) -> list[Prediction]:
        head = measure(bench.part(learn), SECONDS / learning_curve.DRAWS)
        return unseen(head, bench, [bench.seen[place] for place in others])

    learnt = [one.row for one in bench.seen]
    known = learning_curve.Known(bench.question, learnt, fitted.out_of_fold, PARTS, hide_below, bench.named)
    return learning_curve.drawn(known, answer, SECONDS)


def _spans(champion: Model, question: Question, rows: Sequence[LabelledExample], hide_below: float) -> Followed:
    # each token has thousands of numbers: none is read that a head would not learn from, or be compared on
    chosen = set(span_fit.affordable(question, [row.example for row in rows]))
    learnt = [row for place, row in enumerate(rows) if place in chosen]
    held = [row for place, row in enumerate(rows) if place not in chosen and row.part is Part.HELD_OUT]
    there = [*learnt, *held]
    found = _read(champion, question, [row.example for row in there])
    if found is None:
        return NOBODY
    width, encodings, features = found
    pairs = [(one, row[:, width:]) for one, row in zip(encodings, features, strict=True)]

    def read(places: Sequence[int]) -> tuple[list[Encoding], list[np.ndarray]]:
        own = {place: number for number, place in enumerate(places)}
        kept = [(replace(one, example=own[one.example]), row) for one, row in pairs if one.example in own]
        return [one for one, _ in kept], [row for _, row in kept]

    def fit(places: Sequence[int]) -> span_fit.Fitted:
        own, (marked, said) = [there[place] for place in places], read(places)
        examples, answers = [row.example for row in own], [row.answer for row in own]
        unseen = None
        if champion.manifest.recipe not in UNTRAINED:
            unseen = [row.unlearnt for row in own]
        return span_fit.fit(question, examples, answers, said, marked, groups=[row.group for row in own], unseen=unseen)

    def unread(head: SpanHead, places: Sequence[int]) -> list[Prediction]:
        marked, said = read(places)
        return head.decode(question, [there[place].example for place in places], marked, head.values(said, []))

    fitted = fit(range(len(learnt)))
    told = {learnt[place].example.key: said for place, said in zip(fitted.places, fitted.out_of_fold, strict=True)}
    rest = unread(fitted.head, range(len(learnt), len(there)))
    told |= {row.example.key: one for row, one in zip(held, rest, strict=True)}
    if champion.manifest.recipe not in UNTRAINED or len(learnt) < len(rows):
        return Followed(told)
    known = learning_curve.Known(question, learnt, fitted.out_of_fold, span_fit.folds(len(learnt)), hide_below)
    return Followed(told, learning_curve.drawn(known, lambda learn, others: unread(fit(learn).head, others), SECONDS))


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

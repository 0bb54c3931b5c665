"""Each of our two lanes by itself, on all labels and before any gate: a fast head, and one round."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.labels.field import Field
from benchmarks.labels.learning import Answerer
from benchmarks.labels.simple import UNLABELLED
from labelwheel.training import batches
from labelwheel.training.heads.base import FastHead
from labelwheel.training.heads.bench import Bench, labels_of
from labelwheel.training.heads.fitting import measure
from labelwheel.training.heads.seen import Seen, Unlabelled
from labelwheel.training.heads.standing import Standing
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies.base import Cost
from labelwheel.training.strategies.selection import Selection

MINUTES = 30


def bench(field: Field, labelled: Sequence[int], seed: int) -> Bench:
    """What the fast lane fits heads to on the label names, with texts of the pool that have no label."""
    stage, labels = field.stage, labels_of(field.stage.question)
    assert stage.said is not None
    standing = Standing(labels, {}, field.width, stage.said[0].astype(np.float32))
    seen = [
        Seen(stage.rows[place], field.whole[place : place + 1], field.named[place : place + 1]) for place in labelled
    ]
    free = np.random.default_rng(seed).permutation(np.setdiff1d(field.pool, labelled))[:UNLABELLED]
    loose = None
    if len(free):
        prior = standing.prior(stage.kind, field.whole[free], field.named[free], labels)
        loose = Unlabelled(field.space.rows(field.whole[free]), prior)
    return Bench(stage.question, standing, field.space, seen, loose)


def fast(field: Field, labelled: Sequence[int], seed: int) -> Answerer:
    """The fast lane's head on the label names: fitted, and six times more to say what it is worth."""
    return by_head(field, measure(bench(field, labelled, seed), 60 * MINUTES).head, field.whole, field.named)


def by_head(field: Field, head: FastHead, whole: np.ndarray, logits: np.ndarray) -> Answerer:
    """What a head says on a champion that gives all texts `whole` and `logits`."""

    def answer(places: Sequence[int]) -> list[Prediction]:
        values = head.values(list(whole[list(places)]), list(logits[list(places)]))
        examples = [field.stage.rows[place].example for place in places]
        rows = [Encoding(number, ()) for number in range(len(places))]
        return head.decode(field.stage.question, examples, rows, values)

    return answer


def quick_round(field: Field, labelled: Sequence[int], seed: int) -> Answerer:
    """One round without fine-tuning: its strategies that take seconds."""
    return _round(field, labelled, seed, Cost.SECONDS)


def whole_round(field: Field, labelled: Sequence[int], seed: int) -> Answerer:
    """One round on all labels."""
    return _round(field, labelled, seed, Cost.MINUTES)


def _round(field: Field, labelled: Sequence[int], seed: int, dearest: Cost) -> Answerer:
    stage = field.stage
    rows = [stage.rows[place] for place in labelled]
    free = np.random.default_rng(seed).permutation(np.setdiff1d(field.pool, labelled))[:UNLABELLED]
    proposal = Selection(stage.materials(rows, rows, free.tolist())).propose(dearest=dearest)

    def answer(places: Sequence[int]) -> list[Prediction]:
        encodings = [stage.encodings[place] for place in places]
        logits = batches.forward(proposal.module, encodings, stage.tokenizer.pad_token_id)
        return field.decode(places, np.stack(logits), proposal.calibration)

    return answer

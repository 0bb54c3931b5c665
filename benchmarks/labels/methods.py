"""Ways of learning a choice from a few labels: each answers all texts of a stage, (texts, classes)."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.labels.layers import pooled
from benchmarks.rounds import Stage
from labelwheel.training import batches
from labelwheel.training.heads.fitting import Bench, Seen, Unlabelled, labels_of, measure
from labelwheel.training.heads.layered import centre, joined, unit
from labelwheel.training.heads.space import Space
from labelwheel.training.heads.standing import Standing
from labelwheel.training.progress import Progress
from labelwheel.training.strategies.base import Cost
from labelwheel.training.strategies.frozen_head import Frozen
from labelwheel.training.strategies.label_names import SHARPNESS
from labelwheel.training.strategies.materials import Budget, Materials
from labelwheel.training.strategies.problem import Problem
from labelwheel.training.strategies.selection import Selection

LENGTH = 128
MINUTES = 30
_UNLABELLED, _KEPT = 1500, 0.3


class Field:
    """A stage with what all methods read: classes by number, and features that are computed once.

    `pool` are the places that may be looked at, with labels or without.
    """

    def __init__(self, stage: Stage, pool: Sequence[int]) -> None:
        self.stage, self.pool = stage, pool
        place = {label: number for number, label in stage.id2label.items()}
        self.gold = np.array([place[str(row.answer)] for row in stage.rows])
        self.classes = len(place)

    @cached_property
    def last(self) -> np.ndarray:
        """The last layer's mean, of length 1."""
        return unit(np.stack(self.stage.features))

    @cached_property
    def whole(self) -> np.ndarray:
        """The last layer's mean, and behind it several layers', as the layered encoder gives them."""
        means = pooled(self.stage.base, self.stage.encodings, self.stage.tokenizer.pad_token_id)
        return np.concatenate([np.stack(self.stage.features), means.reshape(len(means), -1)], axis=1)

    @cached_property
    def layers(self) -> np.ndarray:
        """Several layers' means, centred on the pool, of length 1."""
        width = len(self.stage.features[0])
        return joined(self.whole, width, centre(self.whole[list(self.pool)], width))

    @cached_property
    def space(self) -> Space:
        """Where the fast lane's heads live."""
        return Space.of(self.whole[list(self.pool)], len(self.stage.features[0]))

    @cached_property
    def named(self) -> np.ndarray:
        """Logits of what the label names say."""
        assert self.stage.said is not None
        return SHARPNESS * self.last @ self.stage.said[0].T


Method = Callable[[Field, Sequence[int], int], np.ndarray]
"""From labelled places and a seed to a number for each text and class, the larger the likelier."""


def names(field: Field, labelled: Sequence[int], seed: int) -> np.ndarray:
    """What the label names say, whatever the labels."""
    return field.named


def frozen_lr(field: Field, labelled: Sequence[int], seed: int) -> np.ndarray:
    """Plain logistic regression on the last layer, C = 10."""
    return _regression(field, field.last, labelled, balanced=False)


def several_layers(field: Field, labelled: Sequence[int], seed: int) -> np.ndarray:
    """A balanced regression on three layers, times the names' say, which fades; twice taught by its own best guesses.

    R1 of the founders' notes. What is labelled stays as it is; guesses weigh as much as all labels together.
    """
    share = 2.0 / (2.0 + max(len(labelled) / field.classes, 1.0))
    learnt = _regression(field, field.layers, labelled, balanced=True)
    free = np.setdiff1d(field.pool, labelled)
    free = np.random.default_rng(seed).permutation(free)[:_UNLABELLED]
    counts = np.bincount(field.gold[list(labelled)], minlength=field.classes) + 1.0
    for _ in range(2):
        logits = learnt + share * field.named
        guessed, margin = logits[free].argmax(axis=1), _margins(logits[free])
        kept: list[int] = []
        for number in range(field.classes):
            there = np.flatnonzero(guessed == number)
            most = max(1, int(_KEPT * len(free) * counts[number] / counts.sum()))
            kept += there[np.argsort(-margin[there])[:most]].tolist()
        learnt = _regression(field, field.layers, labelled, True, free[kept], guessed[kept])
    return learnt + share * field.named


def bench(field: Field, labelled: Sequence[int], seed: int) -> Bench:
    """What the fast lane fits heads to on the label names, with texts of the pool that have no label."""
    stage, labels = field.stage, labels_of(field.stage.question)
    assert stage.said is not None
    standing = Standing(labels, {}, len(stage.features[0]), stage.said[0].astype(np.float32))
    seen = [
        Seen(stage.rows[place], field.whole[place : place + 1], field.named[place : place + 1]) for place in labelled
    ]
    free = np.random.default_rng(seed).permutation(np.setdiff1d(field.pool, labelled))[:_UNLABELLED]
    prior = standing.prior(stage.kind, field.whole[free], field.named[free], labels)
    return Bench(stage.question, standing, field.space, seen, Unlabelled(field.space.rows(field.whole[free]), prior))


def fast(field: Field, labelled: Sequence[int], seed: int) -> np.ndarray:
    """The fast lane's head on the label names: fitted, and six times more to say what it is worth."""
    head = measure(bench(field, labelled, seed), 60 * MINUTES).head
    return np.stack(head.values(list(field.whole), list(field.named)))


def quick(field: Field, labelled: Sequence[int], seed: int) -> np.ndarray:
    """Ours without fine-tuning: the strategies of a round that take seconds."""
    return _ours(field, labelled, seed, Cost.SECONDS)


def ours(field: Field, labelled: Sequence[int], seed: int) -> np.ndarray:
    """Ours as a round tries it."""
    return _ours(field, labelled, seed, Cost.MINUTES)


def stock(field: Field, labelled: Sequence[int], seed: int) -> np.ndarray:
    """transformers.Trainer as the stock text examples use it: three epochs at 2e-5, batches of eight."""
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    stage = field.stage
    model = copy.deepcopy(stage.base)
    data = [{"input_ids": stage.encodings[place].input_ids, "labels": int(field.gold[place])} for place in labelled]
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch, num_train_epochs=3, learning_rate=2e-5, save_strategy="no", report_to="none",
            disable_tqdm=True, logging_strategy="no", use_cpu=True, seed=seed,
        )  # fmt: skip
        collate = DataCollatorWithPadding(stage.tokenizer)
        Trainer(model=model, args=arguments, train_dataset=data, data_collator=collate).train()
    model.eval()
    return np.stack(batches.forward(model, stage.encodings, stage.tokenizer.pad_token_id))


METHODS: dict[str, Method] = {
    "names": names,
    "frozen + LR": frozen_lr,
    "several layers": several_layers,
    "fast lane": fast,
    "ours, quick": quick,
    "ours": ours,
    "stock": stock,
}


def _ours(field: Field, labelled: Sequence[int], seed: int, dearest: Cost) -> np.ndarray:
    stage = field.stage
    rows = [stage.rows[place] for place in labelled]
    problem = Problem.build(stage.question, stage.kind, rows, stage.tokenizer, LENGTH)
    assert stage.said is not None
    frozen = Frozen(problem, [stage.features[place] for place in labelled], *stage.said)
    budget = Budget(time.monotonic() + 60 * MINUTES)
    given = Materials(problem, stage.base, stage.tokenizer, frozen, None, LENGTH, seed, budget, Progress())
    module = Selection(given).propose(dearest=dearest).module
    return np.stack(batches.forward(module, stage.encodings, stage.tokenizer.pad_token_id))


def _regression(
    field: Field,
    features: np.ndarray,
    labelled: Sequence[int],
    balanced: bool,
    guessed: np.ndarray | None = None,
    guesses: np.ndarray | None = None,
) -> np.ndarray:
    places, answers = np.asarray(labelled), field.gold[list(labelled)]
    weights = np.ones(len(places))
    if guessed is not None and guesses is not None and len(guessed):
        places, answers = np.concatenate([places, guessed]), np.concatenate([answers, guesses])
        weights = np.concatenate([weights, np.full(len(guessed), len(labelled) / len(guessed))])
    found = np.full((len(field.gold), field.classes), np.log(1e-4))
    classes = np.unique(answers)
    if len(classes) < 2:
        found[:, classes] = 0.0
        return found
    model = LogisticRegression(C=10, class_weight="balanced" if balanced else None, max_iter=500)
    found[:, classes] = model.fit(features[places], answers, weights).predict_log_proba(features)
    return found


def _margins(logits: np.ndarray) -> np.ndarray:
    best = np.sort(logits, axis=1)
    return np.asarray(best[:, -1] - best[:, -2])

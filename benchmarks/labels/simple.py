"""Ways of learning that others use: label names alone, regressions on a frozen encoder, stock fine-tuning."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.labels.field import Field
from benchmarks.labels.learning import Answerer
from labelwheel.training import batches
from labelwheel.training.questions import Prediction
from labelwheel.training.strategies.label_names import settled

UNLABELLED, _KEPT = 1500, 0.3
_NEVER = float(np.log(1e-4))


def names(field: Field, labelled: Sequence[int], seed: int) -> Answerer:
    """What the label names say, whatever the labels."""
    calibration = settled(field.stage.kind)
    return lambda places: field.decode(places, field.names_logits[list(places)], calibration)


def frozen_lr(field: Field, labelled: Sequence[int], seed: int) -> Answerer:
    """Plain logistic regression on the last layer, C = 10; one for each label where any number may be right."""
    if field.exclusive:
        return _answering(field, _regression(field, field.last, labelled, balanced=False))
    rows, gold = field.last[list(labelled)], field.gold[list(labelled)]
    logits = np.full((len(field.last), field.classes), _NEVER)
    for number in np.flatnonzero((gold.min(axis=0) == 0) & (gold.max(axis=0) == 1)):
        logits[:, number] = (
            LogisticRegression(C=10, max_iter=500).fit(rows, gold[:, number]).decision_function(field.last)
        )
    logits[:, gold.min(axis=0) == 1] = -_NEVER
    return _answering(field, logits)


def several_layers(field: Field, labelled: Sequence[int], seed: int) -> Answerer:
    """A balanced regression on three layers, times the names' say, which fades; twice taught by its own best guesses.

    R1 of the founders' notes. What is labelled stays as it is; guesses weigh as much as all labels together.
    """
    share = 2.0 / (2.0 + max(len(labelled) / field.classes, 1.0))
    learnt = _regression(field, field.layers, labelled, balanced=True)
    free = np.setdiff1d(field.pool, labelled)
    free = np.random.default_rng(seed).permutation(free)[:UNLABELLED]
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
    return _answering(field, learnt + share * field.named)


def stock(field: Field, labelled: Sequence[int], seed: int) -> Answerer:
    """transformers.Trainer as the stock text examples use it: three epochs at 2e-5, batches of eight."""
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    stage = field.stage
    model = copy.deepcopy(stage.base)
    labels = field.gold if field.exclusive else field.gold.astype(float)
    data = [{"input_ids": stage.encodings[place].input_ids, "labels": labels[place].tolist()} for place in labelled]
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch, num_train_epochs=3, learning_rate=2e-5, save_strategy="no", report_to="none",
            disable_tqdm=True, logging_strategy="no", use_cpu=True, seed=seed,
        )  # fmt: skip
        collate = DataCollatorWithPadding(stage.tokenizer)
        Trainer(model=model, args=arguments, train_dataset=data, data_collator=collate).train()
    model.eval()

    def answer(places: Sequence[int]) -> list[Prediction]:
        encodings = [stage.encodings[place] for place in places]
        return field.decode(places, np.stack(batches.forward(model, encodings, stage.tokenizer.pad_token_id)))

    return answer


def _answering(field: Field, logits: np.ndarray) -> Answerer:
    return lambda places: field.decode(places, logits[list(places)])


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
    found = np.full((len(field.gold), field.classes), _NEVER)
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

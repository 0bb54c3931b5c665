"""Ways of learning spans from a few texts: each answers the test texts, and says what CPU seconds learning took."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.labels.span_features import Encoder
from benchmarks.labels.span_sets import Draw, fine_tuned, first_round
from labelwheel.training.heads import span_fit
from labelwheel.training.heads.word_texts import WordTexts
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.base import Encoding
from labelwheel.training.questions import Prediction, Question

MINUTES = 30

Rows = tuple[list[Encoding], list[np.ndarray]]


class Field(NamedTuple):
    """What was drawn, with its features and what they took."""

    drawn: Draw
    learnt: Rows
    tested: Rows
    spent: float

    @classmethod
    def of(cls, drawn: Draw) -> Field:
        """The features of a draw; those of a set's test texts are computed once."""
        encoder = _encoder(drawn.question)
        if drawn.question not in _TESTED:
            _TESTED.clear()
            _TESTED[drawn.question] = encoder(drawn.tests)
        began = time.process_time()
        learnt = encoder(drawn.examples)
        return cls(drawn, learnt, _TESTED[drawn.question], time.process_time() - began)


Method = Callable[[Field], tuple[list[Prediction], float]]


def head(field: Field) -> tuple[list[Prediction], float]:
    """The fast head on three layers."""
    return _head(field, field.learnt, field.tested, field.spent)


def head_on_shapes(field: Field) -> tuple[list[Prediction], float]:
    """The fast head as it is before there is any encoder: without features."""
    return _head(field, ([], []), ([], []), 0.0)


def crf(field: Field) -> tuple[list[Prediction], float]:
    """crfsuite on what words look like, c1 = c2 = .05, 80 iterations."""
    import pycrfsuite

    drawn, kind, began = field.drawn, kind_of(field.drawn.question), time.process_time()
    texts, names = WordTexts.of(drawn.question, drawn.examples), kind.config(drawn.question)["id2label"]
    wanted = kind.targets(drawn.question, drawn.examples, drawn.answers, texts.encodings(), names)
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": 0.05, "c2": 0.05, "max_iterations": 80})
    for words, said in zip((words for words in texts.attributes() if words), wanted, strict=True):
        trainer.append(words, [str(tag) for tag in said])
    with tempfile.TemporaryDirectory() as scratch:
        trainer.train(str(Path(scratch) / "crf"))
        spent = time.process_time() - began
        tagger = pycrfsuite.Tagger()
        tagger.open(str(Path(scratch) / "crf"))
        tests, logits = WordTexts.of(drawn.question, drawn.tests), list[np.ndarray]()
        for words in tests.attributes():
            if words:
                path = [int(tag) for tag in tagger.tag(words)]
                logits.append(10.0 * np.eye(len(names))[path])
        tagger.close()
    habits = kind.habits(drawn.question, drawn.examples, drawn.answers)
    return kind.decode(drawn.question, drawn.tests, tests.encodings(), logits, names, habits), spent


def token_regression(field: Field) -> tuple[list[Prediction], float]:
    """Logistic regression for the tag of each token on three layers of length 1, C = 10."""
    drawn, kind, began = field.drawn, kind_of(field.drawn.question), time.process_time()
    names = kind.config(drawn.question)["id2label"]
    wanted = np.concatenate(kind.targets(drawn.question, drawn.examples, drawn.answers, field.learnt[0], names))
    features = _unit(np.concatenate(field.learnt[1]))[wanted >= 0]
    model = LogisticRegression(C=10, max_iter=300).fit(features, wanted[wanted >= 0])
    spent = time.process_time() - began
    logits = []
    for row in field.tested[1]:
        said = np.full((len(row), len(names)), -20.0)
        said[:, model.classes_] = model.predict_log_proba(_unit(row))
        logits.append(said)
    habits = kind.habits(drawn.question, drawn.examples, drawn.answers)
    return kind.decode(drawn.question, drawn.tests, field.tested[0], logits, names, habits), spent + field.spent


def job(field: Field) -> tuple[list[Prediction], float]:
    """A job as a question's first round starts it."""
    return first_round(field.drawn, MINUTES)


def tuned(field: Field) -> tuple[list[Prediction], float]:
    """A job with all strategies but the chain."""
    return fine_tuned(field.drawn, MINUTES)


METHODS: dict[str, Method] = {
    "head": head,
    "head on shapes": head_on_shapes,
    "CRF on shapes": crf,
    "LR per token": token_regression,
    "first round": job,
    "fine-tuned": tuned,
}
SLOW = frozenset({"first round", "fine-tuned"})


def _head(field: Field, learnt: Rows, tested: Rows, spent: float) -> tuple[list[Prediction], float]:
    drawn, began = field.drawn, time.process_time()
    found = span_fit.fit(drawn.question, drawn.examples, drawn.answers, learnt[1], learnt[0]).head
    spent += time.process_time() - began
    return found.decode(drawn.question, drawn.tests, tested[0], found.values(tested[1], [])), spent


def _unit(rows: np.ndarray) -> np.ndarray:
    layers = rows.reshape(len(rows), 3, -1)
    layers = layers / np.maximum(np.linalg.norm(layers, axis=2, keepdims=True), 1e-9)
    return layers.reshape(len(rows), -1)


_encoder = lru_cache(maxsize=1)(Encoder)
_TESTED: dict[Question, Rows] = {}

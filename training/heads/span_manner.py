"""How a head for spans is to answer, by what it says of examples that it has not learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

from labelwheel.training.heads import span_sureness
from labelwheel.training.heads.span_answers import Manner, answered, best_lean
from labelwheel.training.heads.word_texts import WordTexts
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.scaling import TEMPERATURE
from labelwheel.training.questions import Answer, Example, Prediction, Question


class Told(NamedTuple):
    """The manner, what is answered in it, and the log probabilities of each example's words, as sure as is right."""

    manner: Manner
    answers: list[Prediction]
    logs: list[np.ndarray]


def marked(question: Question, examples: Sequence[Example], answers: Sequence[Answer], texts: WordTexts) -> list[str]:
    """The tag of each word of all texts, as people marked them."""
    kind = kind_of(question)
    names = kind.config(question)["id2label"]
    rows = kind.targets(question, examples, answers, texts.encodings(), names)
    return [names[number] for row in rows for number in row.tolist()]


def learn(
    question: Question,
    examples: Sequence[Example],
    answers: Sequence[Answer],
    texts: WordTexts,
    wanted: np.ndarray,
    logs: np.ndarray,
    tags: Sequence[str],
    shy: bool = True,
) -> Told:
    """From log probabilities (words of all texts, tags) that are out of fold; `wanted` (words,) are numbers of tags.

    What is not `shy` has no lean: what stands on an encoder that has learnt the labels is not.
    """
    kind = kind_of(question)
    manner = Manner(kind.habits(question, examples, answers))
    if len(tags) > 1 and len(logs):
        temperature = kind.calibrate(logs, wanted, 1.0)[TEMPERATURE]
        lean = best_lean(logs / temperature, wanted, texts.lengths, tags) if shy else 0.0
        manner = manner._replace(temperature=temperature, lean=lean)
    said = answered(question, examples, texts, logs, tags, manner)
    manner = manner._replace(sureness=span_sureness.learn(question, examples, answers, said))
    return told(question, examples, texts, logs, tags, manner)


def told(
    question: Question,
    examples: Sequence[Example],
    texts: WordTexts,
    logs: np.ndarray,
    tags: Sequence[str],
    manner: Manner,
) -> Told:
    """What is answered in a manner."""
    answers = answered(question, examples, texts, logs, tags, manner)
    return Told(manner, answers, texts.parted(log_softmax(logs / manner.temperature, axis=1)))

"""From the probabilities of words' tags to spans: the kind's own rules, on words in place of tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax

from labelwheel.training.heads.word_texts import WordTexts
from labelwheel.training.heads.words import Range
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.sureness import Sureness
from labelwheel.training.questions import Example, Prediction, Question

OUTSIDE = "O"


class Manner(NamedTuple):
    """How probabilities become answers: people's `habits` of drawing edges, a temperature, and a lean.

    A model of few labels is too shy: by `lean` O is held back, in log probabilities, so that F1 is best out of fold.
    By `sureness` a span's score says how likely it is exactly right.
    """

    habits: Mapping[str, float]
    temperature: float = 1.0
    lean: float = 0.0
    sureness: Sureness = Sureness()


def answered(
    question: Question,
    examples: Sequence[Example],
    texts: WordTexts,
    logs: np.ndarray,
    tags: Sequence[str],
    manner: Manner,
) -> list[Prediction]:
    """One prediction per example from log probabilities (words of all texts, tags), as sure as `manner` says."""
    known = np.array([tag == OUTSIDE or tag[2:] in question.values for tag in tags])
    logs = log_softmax(np.where(known, logs / manner.temperature, -np.inf), axis=1)
    leaning = logs - manner.lean * np.array([tag == OUTSIDE for tag in tags])
    rows = [row for row in texts.parted(leaning) if len(row)]
    names = dict(enumerate(tags))
    found = kind_of(question).decode(question, examples, texts.encodings(), rows, names, manner.habits)
    parts = zip(found, texts.ranges, texts.parted(logs), strict=True)
    return [_scored(one, ranges, said, tags, manner.sureness) for one, ranges, said in parts]


def best_lean(logs: np.ndarray, wanted: np.ndarray, lengths: Sequence[int], tags: Sequence[str]) -> float:
    """How far to hold O back for the best F1 of spans as words alone tell them; logs have to be out of fold."""
    begins = np.array([tag[0] == "B" for tag in tags])
    insides = np.array([tag[0] == "I" for tag in tags])
    starts = np.cumsum(lengths) - np.asarray(lengths)
    first = np.flatnonzero(begins[wanted])
    if not len(first):
        return 0.0
    gold = np.cumsum(begins[wanted]) - 1  # which span a word is of, where it is of any
    last_word = np.append(np.isin(np.arange(1, len(wanted)), starts), True)
    scores = []
    for lean in _LEANS:
        given = (logs - lean * ~(begins | insides)).argmax(axis=1)
        wrong = (given != wanted) & (begins | insides)[wanted]
        on = np.append(insides[given[1:]] & ~insides[wanted[1:]], False) & ~last_word & (begins | insides)[wanted]
        bad = np.bincount(gold[wrong | on], minlength=len(first)) if (wrong | on).any() else np.zeros(len(first))
        hits = int((bad == 0).sum())
        scores.append(2 * hits / max(len(first) + int(begins[given].sum()), 1))
    smooth = np.convolve(np.pad(scores, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    return float(_LEANS[int((smooth - _DOUBT * _LEANS).argmax())])


_LEANS = np.arange(0.0, 3.01, 0.25)
_SUREST = 1.0 - 1e-6  # no span is certain: where all below 1 is hidden, none is shown
_DOUBT = 0.003  # each step has to be worth something: with few texts the best of many is chance


def _scored(
    prediction: Prediction, ranges: Sequence[Range], logs: np.ndarray, tags: Sequence[str], sureness: Sureness
) -> Prediction:
    """The prediction with the scores that the probabilities give it: as the kind's own, without the lean."""
    if prediction.answer is None:
        return prediction
    starts, ends = [start for start, _ in ranges], [end for _, end in ranges]
    place = {tag: number for number, tag in enumerate(tags)}
    outside = np.ones(len(ranges), dtype=bool)
    items = []
    for span in prediction.answer:
        words = slice(bisect_right(ends, span["start"]), bisect_left(starts, span["end"]))
        outside[words] = False
        items.append(sureness(_sure(logs[words], span, place)))
    rest = float(np.exp(logs[outside, place[OUTSIDE]].min(initial=0.0)))
    return prediction.model_copy(update={"item_scores": tuple(items), "score": min([rest, *items])})


def _sure(logs: np.ndarray, span: Mapping[str, Any], place: Mapping[str, int]) -> float:
    """The geometric mean of the words' probabilities: of B for the first, of B or I for the others."""
    begin = logs[:, place["B-" + span["label"]]].copy()
    if (inside := place.get("I-" + span["label"])) is not None:
        begin[1:] = np.logaddexp(begin[1:], logs[1:, inside])
    return float(min(np.exp(begin.mean()), _SUREST)) if len(begin) else 0.0

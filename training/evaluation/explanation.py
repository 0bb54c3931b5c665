"""Which words carried an answer: what becomes of it when they are left out (occlusion; Zeiler and Fergus 2014).

It asks nothing of a model but answers, so that whatever answers can be explained: int8 graphs, newer heads, any kind of
question. A word counts by how much less sure the model is of the answer without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from labelwheel.training.evaluation.edits import Rewritten
from labelwheel.training.evaluation.occlusion import Word, phrases, without, words
from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Answer, Example, Prediction, Question

Answerer = Callable[[Sequence[Example]], list[Prediction]]

MOST = 48
"""Up to so many words are left out one by one. Of longer texts it is phrases first, half as many, and then the words of
those that count most: so many and half as many answers at most."""

SHARE = 0.2
"""Of the words, at least one, are said to have carried an answer at most."""

CLOSE = 6
"""Words that are tried next to those that are gone: by themselves they count most."""


@dataclass(frozen=True)
class Carried:
    """One item of an answer, and what carried it.

    `weights` (words,) is what it loses without each word alone; `marked` are places of a few words, those first that it
    loses most without, which together take it away or as much of it as so few words can. `rest` is how firmly it is
    said without all of these, see `QuestionKind.held`: where several words say the same, none counts alone.
    """

    item: Answer
    weights: np.ndarray
    marked: tuple[int, ...]
    rest: float
    place: tuple[int, int] | None = None


@dataclass(frozen=True)
class Explanation:
    """A prediction, the words of its example, and what carried each of its items."""

    prediction: Prediction
    words: Sequence[Word]
    carried: Sequence[Carried]


class Occluded:
    """One example's answer, asked again without some of its words."""

    def __init__(
        self, question: Question, example: Example, answer: Answerer, prediction: Prediction | None = None
    ) -> None:
        self.question, self.example, self._answer = question, example, answer
        self.kind, self.words = kind_of(question), words(question, example)
        self.prediction = answer([example])[0] if prediction is None else prediction
        said = self.prediction.answer
        self.items = said if isinstance(said, list) else [] if said is None else [said]
        self.places = [self._place(item) for item in self.items]
        self._kept = [place for place in self.places if place is not None]

    def base(self) -> np.ndarray:
        """How firmly each item is said of the whole text, (items,)."""
        return np.asarray([self.kind.held(self.question, item, self.prediction) for item in self.items], dtype=float)

    def held(self, gone: Sequence[Sequence[int]]) -> np.ndarray:
        """How firmly each item is still said without some words each time, (times, items)."""
        changed = [without(self.example, [self.words[place] for place in one], self._kept) for one in gone]
        said = self._answer([one.example for one in changed]) if changed else []
        rows = [
            [self.kind.held(self.question, self._moved(number, each), one) for number in range(len(self.items))]
            for each, one in zip(changed, said, strict=True)
        ]
        return np.asarray(rows, dtype=float).reshape(len(gone), len(self.items))

    def _place(self, item: Answer) -> tuple[int, int] | None:
        """The part of the text that an item is about; None where that is all of it."""
        return next(((start, end) for start, end, _ in self.kind.marked([item])), None)

    def _moved(self, number: int, changed: Rewritten) -> Answer:
        item = self.items[number]
        if self.places[number] is None:
            return item
        [moved] = self.kind.moved([item], changed.fields[self.question.inputs[0]].moved)
        return moved

    def beside(self, number: int) -> list[int]:
        """The places of the words that an item is not about itself: all where it is about the whole text."""
        low, high = self.places[number] or (0, 0)
        return [place for place, word in enumerate(self.words) if word.end <= low or word.start >= high]


def explain(
    question: Question, example: Example, answer: Answerer, prediction: Prediction | None = None
) -> Explanation:
    """What carried the answer to one example; `prediction` where it is known. Nothing carries an answer of nothing."""
    occluded = Occluded(question, example, answer, prediction)
    if not occluded.items or not occluded.words:
        return Explanation(occluded.prediction, occluded.words, [])
    weights = _weights(occluded)
    marks, rest = _marks(occluded, weights)
    columns = zip(occluded.items, weights.T, marks, rest, occluded.places, strict=True)
    return Explanation(occluded.prediction, occluded.words, [Carried(*each) for each in columns])


def most(count: int) -> int:
    """How many of so many words are marked at most."""
    return max(1, math.ceil(SHARE * count)) if count else 0


def _weights(occluded: Occluded) -> np.ndarray:
    """What each item loses without each word, (words, items)."""
    base, count = occluded.base(), len(occluded.words)
    if count <= MOST:
        return base - occluded.held([[place] for place in range(count)])
    groups = phrases(occluded.words, MOST // 2)
    lost = base - occluded.held(groups)
    found = np.zeros((count, len(base)))
    for group, row in zip(groups, lost, strict=True):
        found[group] = row / len(group)
    closer = list[int]()
    for number in np.argsort(-lost.max(axis=1), kind="stable"):
        if len(closer) + len(groups[number]) > MOST:
            break
        closer += groups[number]
    found[closer] = base - occluded.held([[place] for place in closer])
    return found


def _marks(occluded: Occluded, weights: np.ndarray) -> tuple[list[tuple[int, ...]], list[float]]:
    """For each item the words that take it away, greedily, and how firmly it is said without them.

    The next word is what it loses most without, the others gone. Words by themselves say little where several say the
    same, so that one after which nothing is lost may be needed by the next; the last ones are left out where they take
    nothing. All items go on together, so that they share batches.
    """
    count = range(len(occluded.items))
    free = [_ordered(occluded.beside(number), weights[:, number]) for number in count]
    limits = [min(most(len(one)), MOST // CLOSE) for one in free]
    found = [[one[0]] if one and weights[one[0], number] > 0 else [] for number, one in enumerate(free)]
    base = occluded.base()
    rest = [[float(base[number] - weights[place, number]) for place in found[number]] for number in count]
    left = [number for number in count if found[number] and rest[number][0] > 0]
    while left := [number for number in left if len(found[number]) < limits[number]]:
        tried = [
            (number, place)
            for number in left
            for place in [one for one in free[number] if one not in found[number]][:CLOSE]
        ]
        held = occluded.held([[*found[number], place] for number, place in tried])
        going = list[int]()
        for number in left:
            rows = [(held[row, number], place) for row, (other, place) in enumerate(tried) if other == number]
            lowest, place = min(rows)
            found[number].append(place)
            rest[number].append(float(lowest))
            going += [number] if lowest > 0 else []
        left = going
    last = [int(np.argmin(np.round(each, 9))) if each else -1 for each in rest]
    ends = [rest[number][place] if place >= 0 else float(base[number]) for number, place in enumerate(last)]
    return [tuple(one[: place + 1]) for one, place in zip(found, last, strict=True)], ends


def _ordered(places: Sequence[int], weights: np.ndarray) -> list[int]:
    return sorted(places, key=lambda place: -weights[place])

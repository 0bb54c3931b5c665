"""Whether explanations say what the model goes by: the words that they mark are taken away, and as many by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelwheel.training.evaluation.explanation import Answerer, Explanation, Occluded, most
from labelwheel.training.questions import Example, Question

DRAWS = 5
"""So many times as many words are taken away by chance."""

LEAST = 5
"""Of fewer words a fifth is none."""


@dataclass(frozen=True)
class Deleted:
    """One item of an answer: whether it is gone without the marked words, and how often without as many by chance."""

    marked: bool
    random: float


def deletion(
    question: Question, examples: Sequence[Example], answer: Answerer, seed: int, explanations: Sequence[Explanation]
) -> list[Deleted]:
    """What taking away a fifth of the words does to each item that was explained.

    A number is gone when it is no longer within a tenth of the range. Of a span's own words none is taken: without them
    it would be gone in any case. Texts of fewer than `LEAST` other words are left out.
    """
    chance, found = np.random.default_rng(seed), list[Deleted]()
    for example, explained in zip(examples, explanations, strict=True):
        occluded = Occluded(question, example, answer, explained.prediction)
        for number, carried in enumerate(explained.carried):
            free = occluded.beside(number)
            if len(free) < LEAST:
                continue
            others = sorted(set(free) - set(carried.marked), key=lambda place: -carried.weights[place])
            marked = [*carried.marked, *others][: most(len(free))]
            drawn = [chance.choice(free, len(marked), replace=False).tolist() for _ in range(DRAWS)]
            gone = occluded.held([marked, *drawn])[:, number] <= 0
            found.append(Deleted(bool(gone[0]), float(gone[1:].mean())))
    return found

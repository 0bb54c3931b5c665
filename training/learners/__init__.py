"""One file per kind of question: how to encode, decode and score it."""

from __future__ import annotations

from functools import cache

from training.learners.base import Learner
from training.questions import Kind, Question


def learner_for(question: Question | Kind) -> Learner:
    """The learner of a kind of question; there is one of each, for they keep nothing."""
    return _learner(question if isinstance(question, Kind) else question.kind)


@cache
def _learner(kind: Kind) -> Learner:
    from training.learners.classification import Classification
    from training.learners.multilabel import Multilabel
    from training.learners.number import Number
    from training.learners.pairwise import Pairwise
    from training.learners.rating import Rating
    from training.learners.spans import Spans

    classes: dict[Kind, type[Learner]] = {
        Kind.CHOICE: Classification,
        Kind.CHOICES: Multilabel,
        Kind.TAXONOMY: Multilabel,
        Kind.SPANS: Spans,
        Kind.RATING: Rating,
        Kind.NUMBER: Number,
        Kind.PAIRWISE: Pairwise,
    }
    return classes[kind]()

"""One file per kind of question: how to encode, decode and score it."""

from __future__ import annotations

from functools import cache

from labelwheel.training.kinds.base import Learner
from labelwheel.training.questions import Kind, Question


def learner_for(question: Question | Kind) -> Learner:
    """The learner of a kind of question; there is one of each, for they keep nothing."""
    return _learner(question if isinstance(question, Kind) else question.kind)


@cache
def _learner(kind: Kind) -> Learner:
    from labelwheel.training.kinds.choice import Classification
    from labelwheel.training.kinds.choices import Multilabel
    from labelwheel.training.kinds.number import Number
    from labelwheel.training.kinds.pairwise import Pairwise
    from labelwheel.training.kinds.rating import Rating
    from labelwheel.training.kinds.spans import Spans

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

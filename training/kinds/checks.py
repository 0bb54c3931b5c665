"""What the checks of several kinds of answer share. All raise InvalidAnswer."""

from __future__ import annotations

from typing import Any

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.questions import Answer, Question, brief, finite


def known(question: Question, value: object) -> str:
    """A label that the question has."""
    if not isinstance(value, str) or value not in question.places:
        said = ", ".join(question.values[:20])
        raise InvalidAnswer(f"{question.name!r} has no label {brief(value)}; it knows {said:.500}")
    return value


def listed(question: Question, answer: Answer) -> list[Any]:
    """A list."""
    if not isinstance(answer, list):
        raise InvalidAnswer(f"{question.name!r} is answered with a list, not {brief(answer)}")
    return answer


def number(question: Question, answer: Answer) -> float:
    """A finite number within the question's range."""
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not finite(answer):
        raise InvalidAnswer(f"{question.name!r} is answered with a number, not {brief(answer)}")
    low, high = question.minimum, question.maximum
    if (low is not None and answer < low) or (high is not None and answer > high):
        raise InvalidAnswer(f"{question.name!r}: {brief(answer)} is outside of {low} to {high}")
    return answer

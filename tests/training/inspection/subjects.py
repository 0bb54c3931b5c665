"""Subjects whose answers are a function of the text, so that what is wrong with them is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labelwheel.training.base_model import Base
from labelwheel.training.inspection.subject import Subject
from labelwheel.training.questions import Example, Kind, Option, Prediction, Question
from labelwheel.training.spec import LabelledExample, Part


def choice(*values: str) -> Question:
    options = tuple(Option(value=value) for value in values)
    return Question(name="intent", kind=Kind.CHOICE, inputs=("text",), options=options)


def spans(*values: str) -> Question:
    options = tuple(Option(value=value) for value in values)
    return Question(name="places", kind=Kind.SPANS, inputs=("text",), options=options)


def row(key: int, text: str, answer: Any, part: Part = Part.HELD_OUT, **slices: str) -> LabelledExample:
    example = Example(key=f"k{key}", fields={"text": text})
    return LabelledExample(example=example, answer=answer, part=part, group=f"g{key}", slices=slices)


def subject(
    question: Question,
    rows: Sequence[LabelledExample],
    say: Callable[[str], tuple[Any, float]],
    load: Callable[[], Base] | None = None,
    **given: Any,
) -> Subject:
    """`say` is asked about each text, and gives the answer and how sure it is."""

    def answer(examples: Sequence[Example]) -> list[Prediction]:
        said = [say(question.text(one)) for one in examples]
        return [Prediction(answer=one, score=score) for one, score in said]

    return Subject(question=question, rows=rows, answer=answer, load=load or _nothing, **given)


def _nothing() -> Base:
    raise AssertionError("this section needs no base model")

"""The kinds of question, and what an answer to each is.

Answers are plain JSON values, so that they cross processes, databases and tools without a translation:

| kind | answer |
| --- | --- |
| choice | `"label"` |
| choices | `["label", …]`, each once, in the order of the options |
| spans | `[{"start": 0, "end": 4, "label": "label"}, …]` in Unicode code points, end exclusive, sorted |
| rating | a whole number from `minimum` to `maximum` |
| taxonomy | `[["Animals", "Dog"], …]`, each a path that the options know, in their order |
| number | a finite number, within `minimum` and `maximum` where they are set |
| pairwise | `"left"` or `"right"` |
"""

from __future__ import annotations

import hashlib
import math
import reprlib
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from labelwheel.training import span_edges
from labelwheel.training.errors import InvalidAnswer

Answer = Any
"""A JSON value as the table above says."""

PATH_SEPARATOR = " › "


class Kind(StrEnum):
    """What is asked."""

    CHOICE = "choice"
    CHOICES = "choices"
    SPANS = "spans"
    RATING = "rating"
    TAXONOMY = "taxonomy"
    NUMBER = "number"
    PAIRWISE = "pairwise"


class Frozen(BaseModel):
    """A value: compared by content, never changed, JSON in and out."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))


class Option(Frozen):
    """One value that a question can be answered with; `hint` is what people are told about it."""

    value: str
    hint: str = ""

    @property
    def path(self) -> list[str]:
        """The steps of a taxonomy's path, the top first."""
        return self.value.split(PATH_SEPARATOR)


class Question(Frozen):
    """One thing that is asked about each example of a project.

    `inputs` names the example's fields that the question reads, in order: exactly one for spans, exactly two (left,
    right) for pairwise. `options` is empty for rating, number and pairwise. `titles` are what people see above the
    inputs, one each or none at all.
    """

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    titles: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    prompt: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _shape(self) -> Question:
        wanted = {Kind.SPANS: 1, Kind.PAIRWISE: 2}.get(self.kind)
        if not self.inputs or (wanted and len(self.inputs) != wanted):
            raise ValueError(f"question {self.name!r}: {self.kind} reads {wanted or 'at least one'} field(s)")
        if self.titles and len(self.titles) != len(self.inputs):
            raise ValueError(f"question {self.name!r}: a title for each field it reads, or none")
        if self.kind in (Kind.CHOICE, Kind.CHOICES, Kind.SPANS, Kind.TAXONOMY) and not self.options:
            raise ValueError(f"question {self.name!r}: {self.kind} needs options")
        if self.kind is Kind.RATING and (self.minimum is None or self.maximum is None or self.minimum >= self.maximum):
            raise ValueError(f"question {self.name!r}: a rating needs a minimum below its maximum")
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"question {self.name!r}: an option stands twice")
        return self

    @cached_property
    def values(self) -> tuple[str, ...]:
        """What a classifier tells apart: the options' values; a rating's numbers as text; left and right."""
        if self.kind is Kind.RATING:
            assert self.minimum is not None
            assert self.maximum is not None
            return tuple(str(value) for value in range(int(self.minimum), int(self.maximum) + 1))
        if self.kind is Kind.PAIRWISE:
            return ("left", "right")
        return tuple(option.value for option in self.options)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each of `values` stands among them."""
        return {value: place for place, value in enumerate(self.values)}

    @cached_property
    def digest(self) -> str:
        """Names what a checkpoint has to fit: kind, inputs and values, not the prompt, the titles or the hints."""
        shape = self.model_dump_json(include={"kind", "inputs", "minimum", "maximum"}) + "\0".join(self.values)
        return hashlib.sha256(shape.encode()).hexdigest()[:16]

    def like(self, other: Question) -> bool:
        """Whether both ask the same: kind, values in any order, range. Name and inputs may differ."""
        return (self.kind, set(self.values), self.minimum, self.maximum) == (
            other.kind, set(other.values), other.minimum, other.maximum,
        )  # fmt: skip

    def text(self, example: Example) -> str:
        """People's own words: the inputs, a line each. Empty where the example has none of them."""
        return "\n".join(filter(None, (example.fields.get(name, "") for name in self.inputs)))

    def texts(self, example: Example) -> tuple[str, ...]:
        """What a learner reads: one text, or the two that a pairwise question compares.

        Of several inputs each line begins with its title, which is not among what two examples are compared by: the
        titles are the same in all of them.
        """
        if self.kind is Kind.PAIRWISE:
            return tuple(example.fields.get(name, "") for name in self.inputs)
        found = [(title, example.fields.get(name, "")) for title, name in zip(self.titles, self.inputs, strict=False)]
        lines = [f"{title}: {text}" for title, text in found if text]
        return ("\n".join(lines) if len(lines) > 1 else self.text(example),)

    def posed(self, other: Question, example: Example) -> Example:
        """The example as this question has to be given it to read what `other` reads in it."""
        if self.kind is Kind.PAIRWISE or (self.titles == other.titles and len(self.inputs) == len(other.inputs)):
            texts = tuple(example.fields.get(name, "") for name in other.inputs)
        else:
            texts = other.texts(example)
        return Example(key=example.key, fields=dict(zip(self.inputs, texts, strict=False)))

    def check(self, answer: Answer, example: Example) -> Answer:
        """The answer in its canonical form; raises InvalidAnswer where it does not fit question or text."""
        return _CHECKS[self.kind](self, answer, example)

    def comparable(self, answer: Answer, example: Example) -> Answer:
        """An answer that fits, as it is learnt from and compared with others: spans without the white space that people
        took along at their edges, in whole characters. What they marked stays in the ledger as it is.
        """
        return span_edges.comparable(self.text(example), answer) if self.kind is Kind.SPANS and answer else answer


class Example(Frozen):
    """One thing to label: its key in the labelling tool, and its text fields by name."""

    key: str
    fields: Mapping[str, str]


class Prediction(Frozen):
    """The model's answer to one question about one example.

    `answer` is None where nothing should be suggested. `score` in [0, 1] says how sure the model is of the whole
    answer; `item_scores` has one more for each item of a list answer, in its order.
    """

    answer: Answer = None
    score: float = 0.0
    item_scores: tuple[float, ...] = ()


_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 80


def brief(value: object) -> str:
    """Anything as it is quoted in a message: never long, whatever it is, however deep."""
    try:
        return _BRIEF.repr(value)
    except Exception:  # Python writes no number of over 4,300 digits, and a stranger's repr may do anything
        return f"a {type(value).__name__} that cannot be written down"


def _known(question: Question, value: object) -> str:
    if not isinstance(value, str) or value not in question.places:
        known = ", ".join(question.values[:20])
        raise InvalidAnswer(f"{question.name!r} has no label {brief(value)}; it knows {known:.500}")
    return value


def _list(question: Question, answer: Answer) -> list[Any]:
    if not isinstance(answer, list):
        raise InvalidAnswer(f"{question.name!r} is answered with a list, not {brief(answer)}")
    return answer


def _choice(question: Question, answer: Answer, example: Example) -> str:
    return _known(question, answer)


def _choices(question: Question, answer: Answer, example: Example) -> list[str]:
    chosen = {_known(question, value) for value in _list(question, answer)}
    return sorted(chosen, key=question.places.__getitem__)


def _taxonomy(question: Question, answer: Answer, example: Example) -> list[list[str]]:
    paths = _list(question, answer)
    if not all(isinstance(path, list) and all(isinstance(step, str) for step in path) for path in paths):
        raise InvalidAnswer(f"{question.name!r} is answered with a list of paths, not {brief(answer)}")
    chosen = {_known(question, PATH_SEPARATOR.join(path)) for path in paths}
    return [value.split(PATH_SEPARATOR) for value in sorted(chosen, key=question.places.__getitem__)]


def _number(question: Question, answer: Answer, example: Example) -> float:
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not finite(answer):
        raise InvalidAnswer(f"{question.name!r} is answered with a number, not {brief(answer)}")
    low, high = question.minimum, question.maximum
    if (low is not None and answer < low) or (high is not None and answer > high):
        raise InvalidAnswer(f"{question.name!r}: {brief(answer)} is outside of {low} to {high}")
    return answer


def finite(number: float) -> bool:
    """Whether a number can be reckoned with: JSON knows whole numbers of any length, and infinite ones."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _rating(question: Question, answer: Answer, example: Example) -> int:
    number = _number(question, answer, example)
    if number != int(number):
        raise InvalidAnswer(f"{question.name!r} is answered with a whole number, not {brief(answer)}")
    return int(number)


def _spans(question: Question, answer: Answer, example: Example) -> list[dict[str, Any]]:
    length = len(question.text(example))
    spans = set()
    for span in _list(question, answer):
        if not isinstance(span, dict) or not all(type(span.get(edge)) is int for edge in ("start", "end")):
            raise InvalidAnswer(f"{question.name!r}: a span needs start, end and label, not {brief(span)}")
        if not 0 <= span["start"] < span["end"] <= length:
            raise InvalidAnswer(
                f"{question.name!r}: span {brief(span['start'])}-{brief(span['end'])} is outside of the text "
                f"({length} characters)"
            )
        spans.add((span["start"], span["end"], _known(question, span.get("label"))))
    return [{"start": start, "end": end, "label": label} for start, end, label in sorted(spans)]


_CHECKS = {
    Kind.CHOICE: _choice,
    Kind.CHOICES: _choices,
    Kind.SPANS: _spans,
    Kind.RATING: _rating,
    Kind.TAXONOMY: _taxonomy,
    Kind.NUMBER: _number,
    Kind.PAIRWISE: _choice,
}

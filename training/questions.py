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
| text | `"words"`, or `["words", …]` where `maximum` is not 1: from one text to so many, as they were given |
"""

from __future__ import annotations

import hashlib
import math
import reprlib
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from labelwheel.training.errors import InvalidAnswer
from labelwheel.training.kinds.registry import kind_of, names

Answer = Any
"""A JSON value as the table above says."""

PATH_SEPARATOR = " › "


class Kind(StrEnum):
    """The names of the kinds that come along; what each of them is, `training.kinds` says."""

    CHOICE = "choice"
    CHOICES = "choices"
    SPANS = "spans"
    RATING = "rating"
    TAXONOMY = "taxonomy"
    NUMBER = "number"
    PAIRWISE = "pairwise"
    TEXT = "text"


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

    `kind` is the name of a registered kind. `inputs` names the example's fields that the question reads, in order:
    exactly one for spans, exactly two (left, right) for pairwise. `options` is empty for rating, number, pairwise
    and text.
    `titles` are what people see above the inputs, one each or none at all.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    titles: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    prompt: str = ""
    minimum: float | None = None
    maximum: float | None = None

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in names():
            raise ValueError(f"there is no kind of question {brief(kind)}; there are {', '.join(names())}")
        return str(kind)

    @model_validator(mode="after")
    def _shape(self) -> Question:
        kind_of(self).check_question(self)
        if self.titles and len(self.titles) != len(self.inputs):
            raise ValueError(f"question {self.name!r}: a title for each field it reads, or none")
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"question {self.name!r}: an option stands twice")
        return self

    @cached_property
    def values(self) -> tuple[str, ...]:
        """What a classifier tells apart: the options' values; a rating's numbers as text; left and right."""
        return kind_of(self).values(self)

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
        """What a kind reads: one text, or the two that a pairwise question compares.

        Of several inputs each line begins with its title, which is not among what two examples are compared by: the
        titles are the same in all of them.
        """
        if kind_of(self).sides > 1:
            return tuple(example.fields.get(name, "") for name in self.inputs)
        found = [(title, example.fields.get(name, "")) for title, name in zip(self.titles, self.inputs, strict=False)]
        lines = [f"{title}: {text}" for title, text in found if text]
        return ("\n".join(lines) if len(lines) > 1 else self.text(example),)

    def posed(self, other: Question, example: Example) -> Example:
        """The example as this question has to be given it to read what `other` reads in it."""
        if kind_of(self).sides > 1 or (self.titles == other.titles and len(self.inputs) == len(other.inputs)):
            texts = tuple(example.fields.get(name, "") for name in other.inputs)
        else:
            texts = other.texts(example)
        return Example(key=example.key, fields=dict(zip(self.inputs, texts, strict=False)))

    def check(self, answer: Answer, example: Example) -> Answer:
        """The answer in its canonical form; raises InvalidAnswer where it does not fit question or text."""
        return kind_of(self).check(self, answer, example)

    def fitting(self, answer: Answer, example: Example) -> tuple[Answer, list[str]]:
        """The part of an answer that fits, canonical, and what was refused, in words; None where nothing can be kept.

        Of a list each item stands or falls by itself; with none left it is None, as an empty list would say "none".
        """
        refused: list[str] = []
        if isinstance(answer, list):
            kept = []
            for item in answer:
                try:
                    self.check([item], example)
                    kept.append(item)
                except InvalidAnswer as error:
                    refused.append(str(error))
            if refused and not kept:
                return None, refused
            answer = kept
        try:
            return self.check(answer, example), refused
        except InvalidAnswer as error:
            return None, [*refused, str(error)]

    def comparable(self, answer: Answer, example: Example) -> Answer:
        """An answer that fits, as it is learnt from and compared with others. The ledger keeps what people gave."""
        return kind_of(self).comparable(self, answer, example)


class Example(Frozen):
    """One thing to label: its key in the labelling tool, and its text fields by name.

    `columns` are short values that the tool has beside them, as text: slices can be named by them, no model reads them.
    """

    key: str
    fields: Mapping[str, str]
    columns: Mapping[str, str] = Field(default_factory=dict)


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


def answer_line(answer: Answer, text: str | None = None) -> str:
    """An answer for people; of spans the words that they mark in `text`, or without it their places."""
    if not isinstance(answer, list):
        return str(answer)
    return ", ".join(item_line(item, text) for item in answer) or "nothing"


def item_line(item: Answer, text: str | None = None) -> str:
    """One item of an answer (a label of several, a path, a span; else the answer) for people, as `answer_line`."""
    if isinstance(item, dict):
        start, end, label = item["start"], item["end"], item["label"]
        return f"{label} “{text[start:end]}”" if text is not None else f"{label} {start}–{end}"
    return PATH_SEPARATOR.join(item) if isinstance(item, list) else str(item)


def finite(number: float) -> bool:
    """Whether a number can be reckoned with: JSON knows whole numbers of any length, and infinite ones."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False

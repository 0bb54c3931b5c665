"""Tiny base models and questions for tests: real classes and tokenizers, weights that take no time."""

from __future__ import annotations

from typing import Any

from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part
from labelwheel.training.testing.small_model import small_model as tiny_bert

__all__ = ["ANSWERED", "WORDS", "choice", "example", "rows", "tiny_bert"]

WORDS = {
    "weather": ["will it rain in Oslo", "is it sunny today", "how cold does it get tonight", "snow forecast for Rome"],
    "music": ["play some jazz", "put on my running playlist", "next song please", "play the new album by Sade"],
    "food": ["book a table for two", "find me a pizza place", "reserve dinner at eight", "a cheap sushi restaurant"],
}

ANSWERED: list[tuple[Kind, list[Any], dict[str, Any]]] = [
    (Kind.RATING, [1, 3, 5], {"minimum": 1, "maximum": 5}),
    (Kind.NUMBER, [10.5, 20.0, 30.25], {"minimum": 0, "maximum": 100}),
    (Kind.CHOICES, [["a"], ["b"], ["a", "b"]], {"options": [{"value": "a"}, {"value": "b"}]}),
    (Kind.TAXONOMY, [[["a"]], [["b", "c"]], []], {"options": [{"value": "a"}, {"value": "b › c"}]}),
    (Kind.SPANS, [[], [{"start": 0, "end": 4, "label": "a"}], []], {"options": [{"value": "a"}]}),
    (Kind.PAIRWISE, ["left", "right", "left"], {"inputs": ["text", "other"]}),
]
"""Kinds besides one of several, three answers of each, and what its question has."""


def choice(*values: str) -> Question:
    options = tuple(Option(value=value) for value in values or WORDS)
    return Question(name="intent", kind=Kind.CHOICE, inputs=("text",), options=options)


def example(text: str, key: str | None = None) -> Example:
    return Example(key=key or text[:40], fields={"text": text})


def rows(copies: int = 1, part: Part = Part.TRAIN, fresh: bool = True) -> list[LabelledExample]:
    """`copies` times four examples of each of the three words, each in a group of its own."""
    return [
        LabelledExample(
            example=example(f"{text}{' !' * number}", f"{label}-{number}-{place}-{part}"),
            answer=label,
            part=part,
            group=f"{label}-{number}-{place}-{part}",
            fresh=fresh,
        )
        for number in range(copies)
        for label, texts in WORDS.items()
        for place, text in enumerate(texts)
    ]

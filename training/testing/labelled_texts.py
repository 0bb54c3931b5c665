"""Texts with labels that can be learnt in seconds: one word of each tells its label, the others tell nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence

from labelwheel.training.questions import Example, Kind, Option, Question
from labelwheel.training.spec import LabelledExample, Part

TELLING = {"weather": ["rain", "snow"], "music": ["jazz", "song"], "food": ["pizza", "cake"]}
NOISE = ("please", "could", "you", "tell", "me", "about", "this", "one", "here", "now", "today", "again", "some", "of")
TOPIC = Question(
    name="topic", kind=Kind.CHOICE, inputs=("text",), options=tuple(Option(value=value) for value in TELLING)
)


def labelled_texts(count: int, part: Part, seed: int = 1) -> list[LabelledExample]:
    """So many examples of TOPIC, its labels in turns, each in a group of its own."""
    chance, found = random.Random(f"{seed} {part}"), []  # noqa: S311
    for number in range(count):
        label = list(TELLING)[number % len(TELLING)]
        words: Sequence[str] = [chance.choice(TELLING[label]), *chance.choices(NOISE, k=6)]
        key = f"{part}-{number}"
        text = " ".join(chance.sample(words, len(words)))
        found.append(
            LabelledExample(
                example=Example(key=key, fields={"text": text}), answer=label, part=part, group=key, fresh=True
            )
        )
    return found

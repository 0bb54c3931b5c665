"""Which words carried what is suggested, as tools show it: beside the suggestion, never part of a label."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from labelwheel.training.questions import Answer, Example, Frozen, item_line

NAME = "labelwheel_words"
"""What such a place is called in a tool: a control of Label Studio's, a metadata property of Argilla's."""


class Word(Frozen):
    """A word in one of an example's fields, as code points; `text` is what it says."""

    field: str
    start: int
    end: int
    text: str


class Reason(Frozen):
    """One item of an answer (a label of several, a span; else the answer), and what carried it, the most important
    word first."""

    item: Answer
    words: tuple[Word, ...]


TELLING = frozenset("!?¡¿！？؟")
"""Punctuation that says something of what is written."""


def given(item: Answer, words: Iterable[Word]) -> tuple[Reason, ...]:
    """The reason as people are shown it, if any word is left: a full stop may carry an answer, and tells nobody why."""
    told = tuple(word for word in words if not _bare(word.text))
    return (Reason(item=item, words=told),) if told else ()


def _bare(text: str) -> bool:
    # one mark, however often: several are a smiley, or a quotation's end, of which nobody knows
    return len(set(text)) == 1 and unicodedata.category(text[0]).startswith("P") and text[0] not in TELLING


def in_words(example: Example, reasons: Mapping[str, Sequence[Reason]], most: int = 200) -> str:
    """All of it on one line of at most so many characters: `topic sport: “goal”, “match”`."""
    parts = [
        f"{name} {item_line(reason.item, example.fields[reason.words[0].field])}: {quoted(reason.words)}"
        for name, each in reasons.items()
        for reason in each
    ]
    line = "; ".join(parts)
    return line if len(line) <= most else line[: most - 1] + "…"


def quoted(words: Sequence[Word]) -> str:
    """The words, the most important first."""
    return ", ".join(f"“{word.text}”" for word in words)

"""Answers in people's own words as whoever learns them has them: their texts, and how far two answers are apart."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rapidfuzz.distance import Levenshtein

from labelwheel.training.questions import Answer, Question

UNAIDED = 0.5
"""What no suggestion costs, as a share of the text to change: to find a letter and mend it are two movements, where to
write it is one. So a suggestion of which more than half has to be changed is worse than none."""


def is_several(question: Question) -> bool:
    """Whether an answer may have more than one text, and so is a list."""
    return question.maximum != 1


def parted(answer: Answer) -> list[str]:
    """The texts of an answer."""
    return [answer] if isinstance(answer, str) else list(answer)


def joined(question: Question, found: Sequence[str]) -> Answer:
    """Texts as an answer to a question; of several the first where it takes one."""
    return list(found) if is_several(question) else found[0]


def line(answer: Answer) -> str:
    """An answer as it is compared: its texts, a line each."""
    return "\n".join(parted(answer))


def distance(one: Answer, other: Answer) -> float:
    """The share of the longer of both that has to be changed to make the one the other, from 0 to 1."""
    return float(Levenshtein.normalized_distance(line(one), line(other)))


def clean(text: str) -> str:
    """Without control characters other than line ends and tabs, without half characters and space around it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in ("Cc", "Cs"))
    return "".join(kept).strip()

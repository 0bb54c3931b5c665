"""What several annotators agreed on: the one answer of an example that a round learns from.

The latest answer of each annotator counts once. A choice is what most of them said; of a list answer (choices, spans,
taxonomy) each item stays that more than half of them gave; ratings and numbers are the median. A tie goes to whoever
answered last.
"""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from labelwheel.training.kinds.registry import kind_of
from labelwheel.training.questions import Answer


class Vote(NamedTuple):
    """One annotator's answer, in canonical form."""

    annotator: str
    answer: Answer
    made_at: datetime


class Agreement(NamedTuple):
    """The answer, and whether everybody gave it."""

    answer: Answer
    unanimous: bool


def agree(kind: str, votes: Sequence[Vote]) -> Agreement:
    """The answer of at least one vote."""
    latest: dict[str, Vote] = {}
    for vote in sorted(votes, key=lambda vote: vote.made_at):
        latest[vote.annotator] = vote
    answers = [vote.answer for vote in sorted(latest.values(), key=lambda vote: vote.made_at)]
    unanimous = all(answer == answers[0] for answer in answers)
    if unanimous:
        return Agreement(answers[0], True)
    return Agreement(kind_of(kind).agree(answers), False)


def most(answers: Sequence[Answer]) -> Answer:
    """What most of them say."""
    counts = Counter(answers)
    return max(reversed(answers), key=lambda answer: counts[answer])


def middle(answers: Sequence[Answer]) -> Answer:
    """The median that somebody said."""
    low, high = statistics.median_low(answers), statistics.median_high(answers)
    # between two middle ratings, the one that the last annotator is closer to
    return min((low, high), key=lambda rating: abs(rating - answers[-1]))


def items(answers: Sequence[Answer]) -> list[Answer]:
    """What more than half of the lists have."""
    counts = Counter(key for answer in answers for key in {_key(item) for item in answer})
    last = {_key(item) for item in answers[-1]}
    half = len(answers) / 2
    kept = [key for key, count in counts.items() if count > half or (count == half and key in last)]
    found = {_key(item): item for answer in answers for item in answer}
    return [found[key] for key in kept]


def _key(item: Answer) -> str:
    return json.dumps(item, sort_keys=True)

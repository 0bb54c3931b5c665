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

from labelwheel.training.questions import Answer, Kind

_LISTS = (Kind.CHOICES, Kind.SPANS, Kind.TAXONOMY)


class Vote(NamedTuple):
    """One annotator's answer, in canonical form."""

    annotator: str
    answer: Answer
    made_at: datetime


class Agreement(NamedTuple):
    """The answer, and whether everybody gave it."""

    answer: Answer
    unanimous: bool


def agree(kind: Kind, votes: Sequence[Vote]) -> Agreement:
    """The answer of at least one vote."""
    latest: dict[str, Vote] = {}
    for vote in sorted(votes, key=lambda vote: vote.made_at):
        latest[vote.annotator] = vote
    answers = [vote.answer for vote in sorted(latest.values(), key=lambda vote: vote.made_at)]
    unanimous = all(answer == answers[0] for answer in answers)
    if unanimous:
        return Agreement(answers[0], True)
    if kind in _LISTS:
        return Agreement(_items(answers), False)
    if kind is Kind.NUMBER:
        return Agreement(statistics.median(answers), False)
    if kind is Kind.RATING:
        return Agreement(_middle(answers), False)
    return Agreement(_most(answers), False)


def _most(answers: Sequence[Answer]) -> Answer:
    counts = Counter(answers)
    return max(reversed(answers), key=lambda answer: counts[answer])


def _middle(answers: Sequence[Answer]) -> Answer:
    low, high = statistics.median_low(answers), statistics.median_high(answers)
    # between two middle ratings, the one that the last annotator is closer to
    return min((low, high), key=lambda rating: abs(rating - answers[-1]))


def _items(answers: Sequence[Answer]) -> list[Answer]:
    counts = Counter(key for answer in answers for key in {_key(item) for item in answer})
    last = {_key(item) for item in answers[-1]}
    half = len(answers) / 2
    kept = [key for key, count in counts.items() if count > half or (count == half and key in last)]
    items = {_key(item): item for answer in answers for item in answer}
    return [items[key] for key in kept]


def _key(item: Answer) -> str:
    return json.dumps(item, sort_keys=True)

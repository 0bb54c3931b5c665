"""On which classes people agree: of those who name a class, how many of the others do, too.

That is the positive specific agreement (Fleiss 1975), which for spans is the mean F1 of all pairs of people; chance has
no part in it where there is no end of things that could have been marked (Hripcsak and Rothschild 2005). An alpha of
one class against the rest would answer a question that nobody asks of a class: it is low for a rare class however well
it is known, and says nothing about what it is mixed up with.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from labelwheel.training.evaluation.intervals import group_sums, resampled, tails
from labelwheel.training.evaluation.reliability import RESAMPLES, SEED, Agreed
from labelwheel.training.kinds import kind_of
from labelwheel.training.kinds.coding import Part
from labelwheel.training.questions import Answer, Question


class ClassAgreement(NamedTuple):
    """One class: how often it was named, how far people agree on it, and what others most often say instead.

    `overlapping` is the same for spans that share a character; None for what has no place. `instead` is None where
    everybody agrees, and `times` is how many pairs of people differ so.
    """

    label: str
    named: int
    agreed: Agreed
    overlapping: float | None
    instead: str | None
    times: int


def by_class(question: Question, answers: Sequence[Sequence[Answer]], groups: Sequence[str]) -> list[ClassAgreement]:
    """Each class that anybody named, those first on which people agree least; of examples with two answers or more."""
    kind = kind_of(question)
    parts = [[kind.parts(question, answer) for answer in given] for given in answers]
    labels = sorted({part.label for given in parts for each in given for part in each})
    if not labels:
        return []
    place = {label: number for number, label in enumerate(labels)}
    hits, near, named = np.zeros((3, len(parts), len(labels)))
    for row, given in enumerate(parts):
        for label, matched, close in _counted(given):
            hits[row, place[label]] += matched
            near[row, place[label]] += close
            named[row, place[label]] += 1
    totals = group_sums(groups, np.hstack([hits, named]))
    drawn = resampled(totals, _shares, seed=SEED, resamples=RESAMPLES)
    low, high = np.nanquantile(drawn, tails(len(totals), 0.95), axis=0)
    shares = _shares(totals.sum(0))
    instead = _instead(question, answers)
    placed = any(part.place is not None for given in parts for each in given for part in each)
    found = list[ClassAgreement]()
    for label, number in place.items():
        other = max(instead[label].items(), key=lambda item: item[1], default=(None, 0))
        times = int(named[:, number].sum())
        found.append(
            ClassAgreement(
                label,
                times,
                Agreed(float(shares[number]), float(low[number]), float(high[number])),
                float(near[:, number].sum()) / times if placed else None,
                *other,
            )
        )
    return sorted(found, key=lambda each: (each.agreed.value, each.label))


def by_person(question: Question, answers: Sequence[Mapping[str, Answer]], groups: Sequence[str]) -> dict[str, Agreed]:
    """Of what each person named, the share of the others who did, too; of numbers, who gave the same one.

    Whoever named nothing is left out. `answers` are those of each example, by the person.
    """
    kind = kind_of(question)
    people = sorted({name for given in answers for name in given})
    hits, named = np.zeros((2, len(answers), len(people)))
    for row, given in enumerate(answers):
        parts = [kind.parts(question, answer) or _whole(answer) for answer in given.values()]
        for one, name in enumerate(given):
            place = people.index(name)
            for _, matched, _ in _counted(parts, (one,)):
                hits[row, place] += matched
                named[row, place] += 1
    if not people:
        return {}
    totals = group_sums(groups, np.hstack([hits, named]))
    low, high = np.nanquantile(
        resampled(totals, _shares, seed=SEED, resamples=RESAMPLES), tails(len(totals), 0.95), axis=0
    )
    shares = _shares(totals.sum(0))
    return {
        name: Agreed(float(shares[place]), float(low[place]), float(high[place]))
        for place, name in enumerate(people)
        if named[:, place].any()
    }


def together(question: Question, pairs: Sequence[tuple[Answer, Answer]]) -> tuple[float, float] | None:
    """The F1 of two people's items over all classes, exact and overlapping; None where neither named any."""
    kind = kind_of(question)
    counted = [each for pair in pairs for each in _counted([kind.parts(question, answer) for answer in pair])]
    count = len(counted)
    return (sum(each[1] for each in counted) / count, sum(each[2] for each in counted) / count) if count else None


def _whole(answer: Answer) -> set[Part]:
    """A number as an item; nothing for an empty list."""
    return set() if isinstance(answer, list) else {Part(str(answer))}


def _counted(given: Sequence[set[Part]], of: Sequence[int] | None = None) -> list[tuple[str, float, float]]:
    """For each item of each person, or `of` some: its class, and which share of the others has the same or meets it."""
    found = []
    for one in range(len(given)) if of is None else of:
        others = [each for other, each in enumerate(given) if other != one]
        for part in given[one]:
            matched = sum(part in each for each in others) / len(others)
            close = sum(any(_meet(part, other) for other in each) for each in others) / len(others)
            found.append((part.label, matched, close))
    return found


def _meet(one: Part, other: Part) -> bool:
    if one.label != other.label or one.place is None or other.place is None:
        return one == other
    return one.place[0] < other.place[1] and other.place[0] < one.place[1]


def _shares(sums: np.ndarray) -> np.ndarray:
    """From (…, hits of each class, then how often it was named) to shares; not a number where nobody named it."""
    hits, named = np.split(sums, 2, axis=-1)
    return np.divide(hits, named, out=np.full(hits.shape, np.nan), where=named > 0)


def _instead(question: Question, answers: Sequence[Sequence[Answer]]) -> dict[str, Counter[str]]:
    """For each class, what another person said in its place, over all pairs of different answers."""
    kind, found = kind_of(question), defaultdict[str, Counter[str]](Counter)
    for given in answers:
        for number, one in enumerate(given):
            for other in given[number + 1 :]:
                for label, instead in kind.confused(question, one, other):
                    found[label][instead] += 1
                    found[instead][label] += 1
    return found

"""How good a model is on parts of the examples: by source, length, language, who labelled them, and when.

A column of the labelling tool that holds many different numbers is cut into four parts of about one size; of one with
many other values, such as names, the most common ones are slices: each look at one more makes the others less sure.

Each slice has an interval of its own, and a mark where it is worse than the rest beyond what looking at so many slices
brings (`family_wise`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from labelwheel.training.evaluation import family_wise, intervals, named_slices, ranges
from labelwheel.training.kinds.base import QuestionKind, Score
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, NamedSlice

SMALL = 5
"""Of fewer examples nobody can tell."""

NUMBERS = 8
"""A column of numbers with more values than these is cut."""

VALUES = 20
"""So many values of one column are slices at most."""


def values(question: Question, rows: Sequence[LabelledExample]) -> list[dict[str, str]]:
    """The slices of each row by name, with the columns cut as said above."""
    found = named_slices.of(question, rows)
    for name in named_slices.columns({name for each in found for name in each}):
        _cut(name, found)
    return found


def _cut(name: str, found: Sequence[dict[str, str]]) -> None:
    counts = Counter(each[name] for each in found if name in each)
    numbers = [value for value in counts.elements() if value != named_slices.SEVERAL]
    if len(set(numbers)) > NUMBERS and ranges.are_numbers(set(numbers)):
        cuts = ranges.edges(numbers)
        instead = {value: ranges.place(value, cuts) for value in set(numbers)}
    else:
        # of equally common ones those whose names come first, whatever the order of the rows
        instead = {value: value for value in sorted(counts, key=lambda one: (-counts[one], one))[:VALUES]}
    for each in found:
        if (value := each.pop(name, None)) in instead:
            each[name] = instead[value]


def members(question: Question, rows: Sequence[LabelledExample], least: int = SMALL) -> dict[NamedSlice, list[int]]:
    """The places of the rows in each slice that has enough of them, in the order of their names."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, each in enumerate(values(question, rows)):
        for key in each.items():
            found.setdefault(key, []).append(place)
    return {
        NamedSlice(name=name, value=value): places
        for (name, value), places in sorted(found.items())
        if len(places) >= least
    }


def matrix(places: Sequence[Sequence[int]], count: int) -> np.ndarray:
    """Slices as rows, (slices, count): true where an example is in one."""
    found = np.zeros((len(places), count), dtype=bool)
    for row, here in zip(found, places, strict=True):
        row[list(here)] = True
    return found


def by_slice(
    kind: QuestionKind,
    question: Question,
    rows: Sequence[LabelledExample],
    scores: Sequence[Score],
    *,
    seed: int,
    strata: Sequence[str] | None = None,
    asked: Sequence[NamedSlice] = (),
) -> list[dict[str, Any]]:
    """The headline in each slice with its interval; `worse` where it is worse than the rest beyond chance.

    `p_value` is corrected for how many slices there are. Those that people `asked` for are among them, as far as they
    have enough examples, such as ranges of numbers of their own.
    """
    found, told = members(question, rows), named_slices.of(question, rows) if asked else []
    for named in asked:
        places = [place for place, each in enumerate(told) if named_slices.holds(named, each)]
        if named not in found and len(places) >= SMALL:
            found[named] = places
    groups, losses = [row.group for row in rows], [score.loss for score in scores]
    verdicts = family_wise.worse(losses, matrix(list(found.values()), len(rows)), groups, seed=seed, strata=strata)
    table = []
    for (named, places), p_value in zip(found.items(), verdicts.p_values, strict=True):
        here = [scores[place] for place in places]
        interval = intervals.headline(kind, here, [groups[place] for place in places], seed=seed)
        table.append(
            {
                "slice": named.name,
                "value": named.value,
                "examples": len(places),
                "groups": interval.groups,
                "score": interval.value,
                "low": interval.low,
                "high": interval.high,
                "p_value": float(p_value),
                "worse": bool(p_value <= family_wise.LEVEL),
            }
        )
    return table

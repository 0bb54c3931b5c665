"""How good a model is on parts of the examples: where they come from, how long they are, who labelled them, and when.

Each slice has an interval of its own, and a mark where it is worse than the rest beyond what looking at so many slices
brings (`family_wise`). A language is not among them: nothing that is installed tells one of a short text well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelwheel.training.evaluation import family_wise, intervals
from labelwheel.training.evaluation.named_slices import of
from labelwheel.training.kinds.base import QuestionKind, Score
from labelwheel.training.questions import Question
from labelwheel.training.spec import LabelledExample, NamedSlice

SMALL = 5
"""Of fewer examples nobody can tell."""


def members(question: Question, rows: Sequence[LabelledExample], least: int = SMALL) -> dict[NamedSlice, list[int]]:
    """The places of the rows in each slice that has enough of them, in the order of their names."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        for key in of(question, row).items():
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
) -> list[dict[str, Any]]:
    """The headline in each slice with its interval; `worse` where it is worse than the rest beyond chance.

    `p_value` is corrected for how many slices there are.
    """
    found = members(question, rows)
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

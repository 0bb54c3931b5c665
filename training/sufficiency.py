"""Whether the labels suffice: to learn from, and to decide by. Policy, orders and jobs all count here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from labelwheel.training.kinds import kind_of
from labelwheel.training.questions import Answer, Example, Question
from labelwheel.training.spec import LabelledExample, Part

ENOUGH_GROUPS = 50
"""So many independent examples that are held out need no filling up by cross-validation, for a report."""

DECIDING_GROUPS = 10
"""So many independent examples decide; a project that has few different texts has to decide by half of them."""

_PARTS = 5
"""Where learning takes long only one part in so many of the training side is measured (see strategies.validation)."""


class Counted(NamedTuple):
    """What counts of a labelled example: its side and group, whether the champion may know it, what can be read."""

    part: Part
    group: str
    fresh: bool
    readable: bool
    filled: bool


@dataclass(frozen=True)
class Sufficiency:
    """How many examples can train, and how many independent ones can decide; `problem` says why no round can start."""

    trainable: int
    held_out: int
    deciding: int
    problem: str | None = None


def filling(groups: Iterable[str]) -> int:
    """How many examples that were out of fold fill up those that are held out, by the groups of these."""
    return max(0, ENOUGH_GROUPS - len(set(groups)))


def readable(question: Question, example: Example) -> bool:
    """Whether an example has the text that a question reads; of a comparison both."""
    return all(text.strip() for text in question.texts(example))


def count(question: Question, example: Example, answer: Answer, part: Part, group: str, fresh: bool) -> Counted:
    """What counts of a labelled example."""
    return Counted(part, group, fresh, readable(question, example), kind_of(question).is_filled(answer))


def lacking(question: Question, counted: Iterable[Counted]) -> str | None:
    """Why nothing can be learnt yet; None where something can."""
    counted = list(counted)
    there = [each for each in counted if each.readable]
    train = [each for each in there if each.part is Part.TRAIN]
    least = kind_of(question).least_labels
    if len(train) < least:
        held_out = sum(each.part is Part.HELD_OUT for each in there)
        others = [
            f"{number} {what}"
            for number, what in (
                (held_out, "held out to measure by"),
                (len(there) - len(train) - held_out, "set apart"),
                (len(counted) - len(there), "without the text it reads"),
            )
            if number
        ]
        more = f" (beside {', '.join(others)})" if others else ""
        return f"{question.name!r} has {_counted(len(train), 'label')} with text to learn from{more}; it takes {least}"
    if not any(each.filled for each in train):
        return f"{question.name!r}: no example has a span yet; label some that have"
    return None


def weigh(question: Question, counted: Sequence[Counted], learnt: bool, different: int | None = None) -> Sufficiency:
    """Whether a round can start that could be promoted.

    `learnt` tells that the champion has learnt from labels, so that only fresh ones say something about it; `different`
    is how many independent examples there are at all, labelled or not (None: many).
    """
    there = [each for each in counted if each.readable]
    train = [each for each in there if each.part is Part.TRAIN]
    held_out = [each for each in there if each.part is Part.HELD_OUT]
    groups = {each.group for each in held_out}
    alone = len({each.group for each in train}) == 1
    fresh = [str(number) if alone else each.group for number, each in enumerate(train) if each.fresh or not learnt]
    light = len(train) <= kind_of(question).light
    folded = len(set(fresh)) if light else len(set(fresh)) // _PARTS
    deciding = len(groups) + folded
    problem = lacking(question, counted)
    needed = DECIDING_GROUPS if different is None else max(1, min(DECIDING_GROUPS, (different + 1) // 2))
    if problem is None and deciding < needed:
        new = " that the champion has not learnt from" if learnt else ""
        problem = (
            f"{question.name!r} has {_counted(deciding, 'independent example')}{new} to decide by; "
            f"it takes {needed}: label {needed - deciding} more"
        )
    return Sufficiency(len(train), len(held_out), deciding, problem)


def independent(question: Question, rows: Sequence[LabelledExample]) -> list[LabelledExample]:
    """The rows of a job; where all that train are copies of one text, each counts for itself, or none could measure."""
    groups = {row.group for row in rows if row.part is Part.TRAIN and readable(question, row.example)}
    if len(groups) != 1:
        return list(rows)
    return [
        row.model_copy(update={"group": f"{row.group}/{row.example.key}"}) if row.part is Part.TRAIN else row
        for row in rows
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"

"""What a way of learning is: given labels in the order in which they came, something that answers after so many."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.labels.field import Field
from labelwheel.training.questions import Prediction

Answerer = Callable[[Sequence[int]], list[Prediction]]
"""Answers texts of the field, given as places."""


class Learnt(NamedTuple):
    """What answers after so many labels, and the CPU seconds that all learning up to there has taken."""

    labels: int
    answer: Answerer
    cpu_seconds: float


Method = Callable[[Field, Sequence[int], Sequence[int], int], Iterator[Learnt]]
"""From places in the order of their labels, the counts that are asked about, rising, and a seed.

Counts that a method cannot answer after are left out.
"""


def each(learn: Callable[[Field, Sequence[int], int], Answerer], several: bool = True, least: int = 1) -> Method:
    """A method that learns anew from all labels each time; `several` tells that it can learn more labels than one."""

    def method(field: Field, order: Sequence[int], counts: Sequence[int], seed: int) -> Iterator[Learnt]:
        for count in counts if several or field.exclusive else ():
            if count >= least:
                before = cpu_seconds()
                answer = learn(field, order[:count], seed)
                yield Learnt(count, answer, cpu_seconds() - before)

    return method


def cpu_seconds() -> float:
    """Of this process."""
    times = os.times()
    return times.user + times.system

"""How closely a trial is measured, rung by rung: few labels, layers and epochs first, all for the few that lead."""

from __future__ import annotations

from typing import NamedTuple

from labelwheel.training.spec import Fidelity


class Rung(NamedTuple):
    """`resource` is about what a trial costs there, in those of the first."""

    resource: int
    fidelity: Fidelity


RUNGS = (
    Rung(1, Fidelity(labels=1 / 3, effort=0.5, depth=2 / 3)),
    Rung(3, Fidelity(labels=2 / 3, effort=0.5)),
    Rung(9, Fidelity()),
)

REDUCTION = 3
"""Of so many trials one goes on to the next rung; each has so many times the resource of the one before."""

LAST = len(RUNGS) - 1

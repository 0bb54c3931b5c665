"""What the order of examples has brought against chance, from how people took what was suggested.

Half of the mixed order goes by lot. At the moment at which an example was labelled, it was among the first by lot of
all that were left, or it was sought out: nothing has to be noted for that. The half by lot says how often suggestions
are right over all; the other half costs acceptance, and brings corrections, of which a model learns.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

from sqlalchemy import and_, func, not_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow, Label, Project
from labelwheel.backend.ledger.blind_share import are_blind
from labelwheel.backend.ledger.lots import lot
from labelwheel.backend.ledger.open_examples import are_open
from labelwheel.backend.views.remembered import Remembered
from labelwheel.backend.views.shares import difference, rated

FIRST = 20
"""So many of those that are left are shown ahead by lot at most."""
LOOKED = 1000
"""So many of the newest labels are looked at."""
LEAST = 30
"""So many suggestions of each half have to be answered before anything is said."""
LEFT = 200
"""With fewer examples left, too many of those that were sought out are among the first by lot as well."""
FOLLOWED = 0.25
"""Each half has at least this share of the labels where people go by the order."""

_kept = Remembered[dict[str, Any]]()


def gain(session: Session, project: Project, order: str, blind: float = 0.0) -> dict[str, Any]:
    """`by_lot` and `sought`: answered suggestions, how many were accepted, the rate with its 95 % interval.

    `corrections` is how many more of a hundred suggestions are corrected than by chance alone, as half of the order is
    by chance, with its interval. Where it is None, `reason` says why.
    """
    return {"name": order, **_judged(_found(session, project, blind), order)}


def by_lot(session: Session, project: Project, order: str, blind: float = 0.0) -> frozenset[str] | None:
    """The labelled examples that came by lot, of the newest; None where all did, or people go by no order of ours."""
    if order == "random":
        return None
    found = _found(session, project, blind)
    followed = order != "mixed" or len(found["first"]) >= FOLLOWED * found["keys"]
    return found["first"] if followed else None


def _found(session: Session, project: Project, blind: float) -> dict[str, Any]:
    newest = session.scalar(select(func.max(Label.event_id)).where(Label.project_id == project.id)) or 0
    return _kept.get(session, project.id, lambda: _count(session, project.id, blind), newest)


def _judged(found: dict[str, Any], order: str) -> dict[str, Any]:
    halves = {name: rated(*found[name]) for name in ("by_lot", "sought")}
    by_lot, sought = halves["by_lot"], halves["sought"]
    every = by_lot["answered"] + sought["answered"]
    reason = None
    if order != "mixed":
        reason = f"only the order `mixed` goes by lot for one half, this is `{order}`"
    elif found["left"] < LEFT:
        reason = f"that takes {LEFT} examples that are still to be labelled, and there are {found['left']}"
    elif every >= 2 * LEAST and min(by_lot["answered"], sought["answered"]) < FOLLOWED * every:
        reason = "people label in another order than the one that is shown"
    elif min(by_lot["answered"], sought["answered"]) < LEAST:
        reason = f"too little yet: {LEAST} suggestions of each half have to be answered"
    return {**halves, "corrections": None if reason else difference(by_lot, sought, 50), "reason": reason}


def _count(session: Session, project_id: int, blind: float) -> dict[str, Any]:
    """Answered and accepted suggestions of each half, from the newest labels backwards.

    Blind examples have places of their own in every order.
    """
    query = (
        select(Label.example_key, Label.origin)
        .where(Label.project_id == project_id)
        .order_by(Label.event_id.desc())
        .limit(LOOKED)
    )
    labels: dict[str, list[str | None]] = {}
    for key, origin in session.execute(query):
        labels.setdefault(key, []).append(origin)
    shown = not_(and_(*are_blind(blind)))
    left = sorted(map(lot, session.scalars(select(ExampleRow.key).where(*are_open(project_id), shown))))
    by_lot, sought, remaining = [0, 0], [0, 0], len(left)
    first: set[str] = set()
    for key, origins in labels.items():  # the newest first: what was labelled later was left at that time
        number = lot(key)
        half = by_lot if bisect_left(left, number) < FIRST else sought
        insort(left, number)
        if half is by_lot:
            first.add(key)
        half[0] += sum(origin in ("accepted", "changed") for origin in origins)
        half[1] += origins.count("accepted")
    return {"by_lot": by_lot, "sought": sought, "left": remaining, "first": frozenset(first), "keys": len(labels)}

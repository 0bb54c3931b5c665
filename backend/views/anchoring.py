"""What seeing a suggestion does to labels: how much more often people answer it than they would unseen, and how soon.

Shown suggestions that were accepted are compared with what would have been suggested for blind examples, of which
nobody saw any (`labelwheel.backend.suggestions.unseen`). Blind examples come by lot, so of the shown ones only those
count that did, too: what was sought out is harder. A study with 410 people found that suggestions shift labels, and
flatter whoever is measured by them (arXiv 2507.15821). Intervals are 95 %: Newcombe's for shares, a bootstrap's for the
difference of median times. Below thirty of each nothing is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Label, Project
from labelwheel.backend.projects import version_names
from labelwheel.backend.views.remembered import Remembered
from labelwheel.backend.views.shares import difference, rated

LEAST = 30
NEWEST = 20_000
"""So many labels are looked at."""
LONGEST = 3600.0
"""Seconds; whoever took longer was away. Medians do not mind the others."""
_RESAMPLES = 1000

_kept = Remembered[dict[str, Any]]()


class Compared(NamedTuple):
    """A label as far as it is compared."""

    work_key: str
    question: str
    version: str
    agrees: bool | None
    blind: bool
    lead_time: float | None


def read(session: Session, project: Project, comparable: Callable[[], Collection[str] | None]) -> dict[str, Any]:
    """`questions`: for each, all versions together (None) and each version that has enough, how much labels are pulled.

    `pull` is by how many points of a hundred, with its interval, None where it cannot be said. `seconds` is the same of
    how much sooner an answer is there. Of shown labels those of the `comparable` examples count; None: of all.
    """
    return _kept.get(session, project.id, lambda: _count(session, project.id, comparable()))


def _count(session: Session, project_id: int, comparable: Collection[str] | None) -> dict[str, Any]:
    labels = _labels(session, project_id, comparable)
    groups: dict[tuple[str, str | None], list[Compared]] = defaultdict(list)
    for label in labels:
        groups[label.question, None].append(label)
        if label.version:
            groups[label.question, version_names.generation_of(label.version)].append(label)
    rows = [_row(question, version, those) for (question, version), those in groups.items()]
    kept = [row for row in rows if row["version"] is None or row["pull"] is not None]
    return {
        "questions": sorted(kept, key=lambda row: (row["question"], row["version"] or "")),
        "seconds": _seconds(labels),
    }


def _labels(session: Session, project_id: int, comparable: Collection[str] | None) -> list[Compared]:
    query = (
        select(
            Label.example_key, Label.work_key, Label.question, Label.version, Label.origin, Label.blind,
            Label.unseen_version, Label.unseen_agrees, Label.lead_time,
        )
        .where(Label.project_id == project_id, or_(Label.blind, Label.version.is_not(None)))
        .order_by(Label.event_id.desc())
        .limit(NEWEST)
    )  # fmt: skip
    found = []
    for row in session.execute(query):
        if not row.blind and comparable is not None and row.example_key not in comparable:
            continue
        shown = {"accepted": True, "changed": False}.get(row.origin or "")
        version, agrees = (row.unseen_version, row.unseen_agrees) if row.blind else (row.version, shown)
        found.append(Compared(row.work_key, row.question, version or "", agrees, row.blind, row.lead_time))
    return found


def _row(question: str, version: str | None, labels: Sequence[Compared]) -> dict[str, Any]:
    told = {
        blind: [label.agrees for label in labels if label.blind is blind and label.agrees is not None]
        for blind in (False, True)
    }
    shown, unseen = (rated(len(told[blind]), sum(map(bool, told[blind]))) for blind in (False, True))
    enough = min(map(len, told.values())) >= LEAST
    pull = difference(shown, unseen, 100) if enough else None
    return {"question": question, "version": version, "shown": shown, "blind": unseen, "pull": pull}


def _seconds(labels: Sequence[Compared]) -> dict[str, Any] | None:
    """How much sooner people answer with a suggestion: of medians, over people's work, whatever it answered."""
    times: dict[bool, dict[str, float]] = {True: {}, False: {}}
    for label in labels:
        if label.lead_time is not None and 0 < label.lead_time <= LONGEST:
            times[label.blind][label.work_key] = label.lead_time
    blind, shown = (np.array(list(times[each].values())) for each in (True, False))
    if min(len(blind), len(shown)) < LEAST:
        return None
    chance = np.random.default_rng(0)
    drawn = [np.median(chance.choice(each, (_RESAMPLES, len(each))), axis=1) for each in (blind, shown)]
    low, high = np.quantile(drawn[0] - drawn[1], (0.025, 0.975))
    saved = float(np.median(blind) - np.median(shown))
    return {
        "shown": round(float(np.median(shown)), 1), "blind": round(float(np.median(blind)), 1),
        "saved": round(saved, 1), "low": round(float(low), 1), "high": round(float(high), 1),
    }  # fmt: skip

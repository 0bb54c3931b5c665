"""Which checkpoint came from which: the newest of a question's checkpoints, with places in a drawing."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import CheckpointRow, QuestionRow
from labelwheel.backend.projects import champion_groups

MOST = 40
"""So many stand in it; older ones are counted."""


def read(session: Session, question: QuestionRow) -> dict[str, Any]:
    """`nodes`, the oldest first, and how many are `left_out`.

    Each has a `place` (0, 1, 2, …: in their order) and a `lane`: 0 is the line of those that led to the champion, else
    to the newest one; branches have others. `state` is champion, served (once), removed, broken or kept.
    """
    everything = champion_groups.checkpoints(session, question)[::-1]
    rows, served = everything[-MOST:], set(champion_groups.served_before(session, question))
    places = {row.id: place for place, row in enumerate(rows)}
    lanes = _lanes(rows, question.champion_id)
    names = {row.id: row.version for row in everything}
    return {
        "left_out": len(everything) - len(rows),
        "nodes": [
            {
                "version": row.version,
                "parent": names.get(row.parent_id) if row.parent_id is not None else None,
                "parent_place": places.get(row.parent_id) if row.parent_id is not None else None,
                "parent_lane": lanes.get(row.parent_id) if row.parent_id is not None else None,
                "place": places[row.id],
                "lane": lanes[row.id],
                "recipe": row.recipe,
                "labels": row.label_count,
                "metric": row.metric,
                "score": row.score,
                "low": row.low,
                "high": row.high,
                "state": _state(row, question, served),
                "created_at": row.created_at.isoformat(),
            }
            for row in rows
        ],
    }


def _state(row: CheckpointRow, question: QuestionRow, served: set[int]) -> str:
    if row.id == question.champion_id:
        return "champion"
    if row.removed:
        return "removed"
    return "broken" if row.broken else "served" if row.id in served else "kept"


def _lanes(rows: list[CheckpointRow], champion_id: int | None) -> dict[int, int]:
    """The trunk is lane 0; a branch takes the first lane that is free from its parent's place on."""
    known = {row.id: row for row in rows}
    trunk: set[int] = set()
    at = known.get(champion_id or 0, rows[-1] if rows else None)
    while at is not None and at.id not in trunk:
        trunk.add(at.id)
        at = known.get(at.parent_id or 0)
    places = {row.id: place for place, row in enumerate(rows)}
    lanes, last = dict.fromkeys(trunk, 0), dict[int, int]()
    for row in rows:
        if row.id not in trunk:
            parent = row.parent_id or 0
            follows = lanes.get(parent, 0)
            if follows and last[follows] == parent:
                lanes[row.id] = follows
            else:
                begins = places.get(parent, places[row.id] - 1)
                free = (lane for lane in range(1, len(rows) + 2) if places.get(last.get(lane, -1), -1) <= begins)
                lanes[row.id] = next(free)
            last[lanes[row.id]] = row.id
    return lanes

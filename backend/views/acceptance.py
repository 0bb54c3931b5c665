"""How often people accepted what a version suggested: from the current labels."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Generation, Label
from labelwheel.backend.projects import version_names
from labelwheel.backend.views import edits

ORIGINS = ("accepted", "changed", "made")


def by_version(session: Session, project_id: int) -> dict[str | None, list[dict[str, Any]]]:
    """Per question (None: all together) a line for each generation, the oldest first; those without labels left out.

    What its revisions suggested counts as the generation's. What is none of the generations that are known, such as
    another program's predictions or a generation of long ago, stands first: the last line is today's.

    `edited` is how much of what was suggested people changed, where they answer in their own words; see `edits`.
    `rate` is accepted / (accepted + changed), None where nothing of the version was shown with an answer. Labels made
    without a suggestion are counted under the version None, at the end.
    """
    query = (
        select(Label.question, Label.version, Label.origin, func.count())
        .where(Label.project_id == project_id)
        .group_by(Label.question, Label.version, Label.origin)
    )
    counts: dict[str | None, dict[str | None, dict[str, int]]] = defaultdict(dict)
    for question, shown, origin, count in session.execute(query):
        version = version_names.generation_of(shown) if shown else None
        for key in (None, question):
            line = counts[key].setdefault(version, dict.fromkeys(ORIGINS, 0))
            line[origin if origin in ORIGINS else "made"] += count
    edited = edits.by_version(session, project_id)
    order = {name: number for number, name in enumerate(_generations(session, project_id))}
    return {
        key: [
            {"version": version, **line, "rate": _rate(line), "edited": edited.get((key or "", version or ""))}
            for version, line in sorted(
                lines.items(), key=lambda item: (item[0] is None, order.get(item[0] or "", -1), item[0] or "")
            )
        ]
        for key, lines in counts.items()
    }


def _generations(session: Session, project_id: int) -> list[str]:
    return list(
        session.scalars(select(Generation.name).where(Generation.project_id == project_id).order_by(Generation.id))
    )


def _rate(line: dict[str, int]) -> float | None:
    shown = line["accepted"] + line["changed"]
    return round(line["accepted"] / shown, 4) if shown else None

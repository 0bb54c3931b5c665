"""Rounds that somebody asked for and that do not start: a line in the decision log, where whoever asked looks."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Project
from labelwheel.backend.projects import decisions

KIND = "not started"


def note(tx: Session, project: Project, request: str, reasons: Mapping[str, str]) -> None:
    """Says why none starts, by question; `request` is a sentence without its stop. One reason is given once.

    Who asks again and again and is told the same each time gets one line.
    """
    alike: dict[str, list[str]] = {}
    for question, reason in reasons.items():
        alike.setdefault(reason, []).append(question)
    if not alike:
        return
    only = next(iter(reasons)) if len(reasons) == 1 else None
    told = "; ".join(reason if only else f"{', '.join(names)}: {reason}" for reason, names in alike.items())
    said = f"{request}: {told}"
    last = decisions.latest(tx, project.id, 1, only)
    if not (last and (last[0].kind, last[0].question, last[0].reason) == (KIND, only, said)):
        decisions.decide(tx, project, only, KIND, said)

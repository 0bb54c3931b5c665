"""Hints: something happened in the labelling tool. The worker looks for itself; nothing else of a webhook is used."""

from __future__ import annotations

from datetime import datetime

from labelwheel.backend.database.tables import Project, now
from sqlalchemy import update
from sqlalchemy.orm import Session


def hint(tx: Session, tool: str, reference: str) -> bool:
    """Notes that the worker should look at a project at once; False where no such project is known."""
    query = update(Project).where(Project.tool == tool, Project.reference == reference).values(hinted_at=now())
    return bool(tx.execute(query).rowcount)  # type: ignore[attr-defined]


def waiting(project: Project) -> bool:
    """Whether there is a hint that no poll has answered yet.

    Compared as a mark, not as a time: whoever wrote it may have another clock than whoever polls.
    """
    return project.hinted_at is not None and project.hinted_at != project.hint_answered


def answer(project: Project, began: datetime, hinted_at: datetime | None) -> None:
    """Notes a poll that began at some moment, when this was the latest hint."""
    project.polled_at, project.hint_answered = began, hinted_at

"""Hints: something happened in the labelling tool. The worker looks for itself; nothing else of a webhook is used.

A hint names the examples that it is about where the tool says so, and the worker may look at these alone. One without
keys, and more keys than are kept, ask for a poll. A project keeps `{key: mark}` of the hints that wait; None: a poll.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import Project, now
from labelwheel.backend.projects.identifiers import plain

MOST_KEYS = 100
"""So many examples are looked at one by one; beyond that a poll costs less."""

Keys = frozenset[str] | None
"""Which examples a hint is about; None where it does not say."""


def bounded(keys: Collection[str]) -> Keys:
    """The keys as they are kept, in number and length; None where there are none, or one that no example can have."""
    if not 0 < len(keys) <= MOST_KEYS or any(not key or plain(key) != key for key in keys):
        return None
    return frozenset(keys)


def together(one: Keys, other: Keys) -> Keys:
    """What two hints ask for."""
    return None if one is None or other is None else bounded(one | other)


def hint(tx: Session, tool: str, reference: str, keys: Keys = None) -> bool:
    """Notes that the worker should look at a project at once; False where no such project is known."""
    query = select(Project).where(Project.tool == tool, Project.reference == reference).order_by(Project.id)
    found = tx.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    for project in found:
        before = project.hinted_keys if waiting(project) else {}
        project.hinted_at = moment = now()
        if keys is None or before is None or together(frozenset(before), keys) is None:
            project.hinted_keys = None
        else:
            project.hinted_keys = {**before, **dict.fromkeys(sorted(keys), moment.isoformat())}
    return bool(found)


def waiting(project: Project) -> bool:
    """Whether there is a hint that nothing has answered yet.

    Compared as a mark, not as a time: whoever wrote it may have another clock than whoever polls.
    """
    return project.hinted_at is not None and project.hinted_at != project.hint_answered


def keys(project: Project) -> dict[str, str]:
    """The examples that the waiting hints are about, with their marks; none where they ask for a poll."""
    return dict(project.hinted_keys or {}) if waiting(project) else {}


def answer_poll(
    tx: Session, project_id: int, began: datetime, hinted_at: datetime | None, known: Mapping[str, str]
) -> None:
    """Notes a poll that began at some moment, when `hinted_at` was the latest hint and `known` were its keys."""
    project = _locked(tx, project_id)
    project.polled_at, project.hint_answered = began, hinted_at
    if waiting(project) and project.hinted_keys is not None:
        project.hinted_keys = _left(project, known)


def answer_fetch(tx: Session, project_id: int, known: Mapping[str, str]) -> None:
    """Notes that these examples were looked at, as of these marks: what was hinted at since still waits."""
    project = _locked(tx, project_id)
    if project.hinted_keys is None:
        return
    project.hinted_keys = _left(project, known)
    if not project.hinted_keys:
        project.hint_answered = project.hinted_at


def _left(project: Project, known: Mapping[str, str]) -> dict[str, str]:
    return {key: mark for key, mark in (project.hinted_keys or {}).items() if known.get(key) != mark}


def _locked(tx: Session, project_id: int) -> Project:
    return tx.get_one(Project, project_id, with_for_update=True, populate_existing=True)

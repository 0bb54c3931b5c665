"""Examples that the labelling tool itself fails to show: set aside, named, and never taken for gone.

A project keeps `{key: {"reason", "named", "sweep"}}` of them: the sweep during which each was last met.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from labelwheel.backend.database.tables import ExampleRow, Project
from labelwheel.backend.projects.identifiers import LENGTH, plain
from labelwheel.plugins.connector import Aside, Page

KEPT = 100
"""So many are named; what is not, is kept from being taken for gone all the same."""


def take(tx: Session, project: Project, page: Page, read: Collection[str], sweeping: bool) -> None:
    """Notes what a page set aside, and forgets what it could read, by key, or knows to be gone."""
    if not page.aside and not project.aside:
        return
    met = {plain(one.key): one for one in page.aside}
    if sweeping or project.sweep_started_at is not None:
        there = ExampleRow.project_id == project.id, ExampleRow.key.in_([key for key, one in met.items() if one.named])
        tx.execute(update(ExampleRow).where(*there).values(sweep_number=project.sweep_number))
    kept = {key: one for key, one in project.aside.items() if key not in met and key not in read}
    for key, one in met.items():
        if len(kept) < KEPT or not one.named:
            kept[key] = _entry(one, project.sweep_number)
    if kept != project.aside:
        project.aside = kept


def swept(project: Project) -> bool:
    """After a sweep: drops what it did not meet again; True where all that it met can be named."""
    kept = {key: one for key, one in project.aside.items() if one["sweep"] >= project.sweep_number}
    if kept != project.aside:
        project.aside = kept
    return all(one["named"] for one in kept.values())


def _entry(one: Aside, sweep: int) -> dict[str, Any]:
    return {"reason": plain(one.reason[:LENGTH]), "named": one.named, "sweep": sweep}

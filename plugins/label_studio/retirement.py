"""Suggestions of old versions go: of few at once, of many a few at a time.

Label Studio deletes the predictions of a version within one transaction. With 4,000 of them that took 14 s, in which on
SQLite two of three people who pressed Submit got an error, "database is locked"; on PostgreSQL they wait. One by one it
takes longer, and nobody notices.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from labelwheel.plugins.errors import ToolError, ToolRefused, ToolUnreachable
from labelwheel.plugins.label_studio.project import Project, where

log = logging.getLogger(__name__)

FEW = 300
"""So many of a version go at once: a second."""
SECONDS = 2.0
"""After which the rest is left for the next call."""
_READ = 50
_TIMEOUT = 600.0


def retire(project: Project, versions: Iterable[str]) -> bool:
    """Delete the predictions of old versions, never of the live one; False where more are left."""
    live, counts = project.get().get("model_version"), _counts(project)
    for version in versions:
        if version == live:
            log.warning("predictions of %s stay: Label Studio shows that version", version)
        elif counts.get(version, 0) > FEW and _some(project, version):
            return False
        else:
            _all(project, version, live)
    return True


def take_away(project: Project, number: int, task: int) -> bool:
    """Delete one prediction of a task; False where Label Studio has not taken it away."""
    try:
        project.client.send("DELETE", f"/api/predictions/{number}/")
    except (ToolUnreachable, ToolRefused):
        raise
    except ToolError as error:
        if error.http_status == 404:
            log.info("task %s or its prediction went away meanwhile", task)
            return True
        if error.http_status != 500:
            raise
        project.get()  # raises where Label Studio itself has broken down
        log.warning("Label Studio did not take away a prediction of task %s: %s", task, error)
        return False
    return True


def _counts(project: Project) -> Mapping[str, int]:
    """How many predictions there are, by version; nothing where Label Studio does not say."""
    found = project.client.get(f"/api/projects/{project.id}/model-versions/")
    told = found.items() if isinstance(found, dict) else ()
    return {str(version): count for version, count in told if type(count) is int}


def _some(project: Project, version: str) -> bool:
    """Whether any could be taken away, within some seconds."""
    deadline, gone = time.monotonic() + SECONDS, 0
    shown: list[tuple[int, int]] = [
        (task["id"], one["id"])
        for task in project.batch(_having(version), size=_READ, include="id,predictions").tasks
        for one in task.get("predictions") or []
        if one.get("model_version") == version
    ]
    for task, number in shown:
        gone += take_away(project, number, task)
        if time.monotonic() > deadline:
            break
    return gone > 0


def _having(version: str) -> dict[str, Any]:
    return where("predictions_model_versions", "contains", [version], "List")


def _all(project: Project, version: str, live: str | None) -> None:
    path = f"/api/projects/{project.id}/model-versions/"
    try:
        project.client.send("DELETE", path, {"model_version": version}, timeout=_TIMEOUT)
    finally:
        # Whichever version goes, Label Studio forgets which one is live if that is an ML backend's.
        if live and project.get().get("model_version") != live:
            project.patch(model_version=live)

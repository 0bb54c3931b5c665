"""Tabs of a project's Data Manager: which there are, a new one, another content, and away with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labelwheel.plugins.label_studio.project import Project

VIEWS = "/api/dm/views/"


def listed(project: Project) -> list[dict[str, Any]]:
    """All tabs of the project."""
    found = project.client.get(VIEWS, {"project": project.id})
    return [one for one in found if isinstance(one, dict) and one.get("project") == project.id]


def find(project: Project, name: str) -> int | None:
    """The number of the first tab that is called so; None where there is none."""
    return next((int(one["id"]) for one in listed(project) if title(one) == name), None)


def title(tab: Mapping[str, Any]) -> object:
    """What a tab is called."""
    data = tab.get("data")
    return data.get("title") if isinstance(data, Mapping) else None


def make(project: Project, data: Mapping[str, Any]) -> int:
    """A new tab; its number.

    Label Studio makes its own first one only where there is no other yet, so that has to be there before.
    """
    if not listed(project):
        _post(project, {"title": "Default", "type": "list", "target": "tasks"})
    return _post(project, data)


def change(project: Project, tab: int, data: Mapping[str, Any]) -> None:
    """Gives a tab another content; raises ToolError with 404 where somebody has deleted it."""
    project.client.send("PATCH", f"{VIEWS}{tab}/", {"project": project.id, "data": data})


def delete(project: Project, tab: int) -> None:
    """Takes a tab away."""
    project.client.send("DELETE", f"{VIEWS}{tab}/")


def _post(project: Project, data: Mapping[str, Any]) -> int:
    made = project.client.send("POST", VIEWS, {"project": project.id, "data": data})
    return int(made["id"])

"""Labels to look at again as a tab of the Data Manager, which is made when there are some and goes with the last."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from labelwheel.plugins.errors import ToolError
from labelwheel.plugins.label_studio import tabs
from labelwheel.plugins.label_studio.project import Project, where

log = logging.getLogger(__name__)

TITLE = "Labelwheel: probable label errors"
SHOWN = 40
"""So many tasks are in the tab: each is a condition of its filter. What is put right makes room for others."""


def show(project: Project, keys: Sequence[str]) -> None:
    """Puts the first of these into the tab; without any, it is taken away. Raises ToolError."""
    items = [where("id", "equal", int(key), "Number") for key in keys if key.isdecimal()][:SHOWN]
    tab = tabs.find(project, TITLE)
    # no column can hold our order, see `ranks`: which ones are the first of all is what the tab tells
    data: dict[str, Any] = {
        "title": TITLE, "type": "list", "target": "tasks", "ordering": ["tasks:id"],
        "filters": {"conjunction": "or", "items": items},
    }  # fmt: skip
    if tab is None:
        if items:
            tabs.make(project, data)
    elif items:
        tabs.change(project, tab, data)
    else:
        tabs.delete(project, tab)


def remove(project: Project) -> None:
    """Takes the tab away; one that Label Studio keeps does no harm."""
    try:
        show(project, ())
    except ToolError as error:
        log.warning("project %s: the tab %r stays: %s", project.id, TITLE, error)
